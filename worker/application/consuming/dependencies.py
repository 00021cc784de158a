"""The dependencies that every job needs, as causes of a pause: the job table, S3 and the workspace."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from worker.application.consuming.pause import PauseReason, Problem
from worker.domain.backoff import Backoff
from worker.domain.circuit import Severity
from worker.domain.errors import AccessDeniedError, DependencyUnavailableError, JobError, WorkspaceFullError
from worker.domain.job import Job, ObjectLocation
from worker.events import Event, emit
from worker.ports import JobTable, ObjectStore, StoreUnavailableError

_PROBE_BACKOFF = Backoff(first_seconds=1, factor=2, cap_seconds=30, floor=0.5)
_DENIED_BACKOFF = Backoff(first_seconds=60, factor=2, cap_seconds=900, floor=1)
_OUT_JOBS = 3
_DENIED_JOBS = 10
_LONGEST_DENIAL_SECONDS = 900.0


class TableAccess:
    """The job table: without it nothing can be claimed, so that deliveries can only be put off.

    It is asked once before the first receive. `suspicion` is set when it fails: while it is away, jobs wait to record
    their ends, so there may be no free slot and no receive before which it would be asked.
    """

    reason = PauseReason.TABLE
    backoff = _PROBE_BACKOFF

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self.suspicion = asyncio.Event()
        self._is_suspected = True
        self._jobs_put_off = 0  # since the table last answered a probe

    @property
    def is_suspected(self) -> bool:
        return self._is_suspected

    def failed(self) -> None:
        """A record could not be written."""
        self._is_suspected = True
        self.suspicion.set()

    def put_off(self) -> None:
        """A job could not be claimed."""
        self.failed()
        self._jobs_put_off += 1

    async def probe(self) -> Problem | None:
        try:
            await self._table.probe()
        except StoreUnavailableError as error:
            return Problem(error.reason, is_lasting=error.severity is Severity.HARD)
        self._is_suspected = False
        return None

    def begun(self, problem: Problem) -> None:
        emit(Event.DYNAMODB_UNAVAILABLE, problem.level, error=problem.text)

    def ended(self, seconds: float) -> None:
        emit(Event.DYNAMODB_AVAILABLE, outage_seconds=round(seconds, 3), jobs_put_off=self._jobs_put_off)
        self._jobs_put_off = 0


class _FailedJobs:
    """The sources of the newest jobs that failed in a row, up to `enough` jobs."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._sources: OrderedDict[str, tuple[ObjectLocation, ...]] = OrderedDict()  # by job id; each source once

    @property
    def are_enough(self) -> bool:
        """Whether there are enough of them."""
        return len(self._sources) >= self._enough

    @property
    def share_a_bucket(self) -> bool:
        """Whether all of them have a source in one and the same bucket, which alone may be to blame."""
        buckets = [{source.bucket for source in sources} for sources in self._sources.values()]
        return bool(buckets) and bool(set.intersection(*buckets))

    def add(self, job: Job) -> None:
        self._sources[job.job_id] = tuple(dict.fromkeys(part.source for part in job.parts))
        self._sources.move_to_end(job.job_id)
        if len(self._sources) > self._enough:
            self._sources.popitem(last=False)

    def clear(self) -> None:
        self._sources.clear()

    def next_sources(self) -> tuple[ObjectLocation, ...]:
        """The sources of one job; the jobs take turns. Empty where S3 has served a job meanwhile."""
        job_id = next(iter(self._sources), None)
        if job_id is None:
            return ()
        self._sources.move_to_end(job_id)
        return self._sources[job_id]


class S3Access:
    """S3. It is suspected once three jobs in a row have ended because it was away; one failure may be of one object.

    The probe asks for all the sources of one of these jobs, which take turns. A job that S3 serves starts the count
    again, and the end of a pause does not: as long as jobs fail in the same way, one failure is enough for the next
    pause.
    """

    reason = PauseReason.S3
    backoff = _PROBE_BACKOFF

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._jobs = _FailedJobs(_OUT_JOBS)
        self._has_failed = False

    @property
    def is_suspected(self) -> bool:
        return self._has_failed and self._jobs.are_enough

    def failed(self, job: Job) -> None:
        """The attempt at the job ended because S3 was away."""
        self._has_failed = True
        self._jobs.add(job)

    def served(self) -> None:
        """S3 did what a job needed, or refused it for a reason of its own."""
        self._jobs.clear()

    async def probe(self) -> Problem | None:
        for source in self._jobs.next_sources():
            try:
                await self._objects.probe(source)
            except DependencyUnavailableError as error:
                return Problem(str(error))
            except JobError:  # an answer
                pass
        self._has_failed = False
        return None

    def begun(self, problem: Problem) -> None:
        """Adds nothing to the event `consumption.paused`."""

    def ended(self, seconds: float) -> None:
        """Adds nothing to the event `consumption.resumed`."""


class S3Rights:
    """The role's rights in S3. They are suspected once S3 refused ten jobs in a row that have no bucket in common.

    No probe is certain: without s3:ListBucket, S3 also answers so for objects that are missing, and rights to write
    are not probed, because that would begin an upload to a producer's target. So a pause lasts a minute at least, and
    after a quarter of an hour the next job is tried. The count starts again as in `S3Access`.
    """

    reason = PauseReason.S3
    backoff = _DENIED_BACKOFF

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._jobs = _FailedJobs(_DENIED_JOBS)
        self._has_failed = False
        self._paused_at: float | None = None

    @property
    def is_suspected(self) -> bool:
        return self._has_failed and self._jobs.are_enough and not self._jobs.share_a_bucket

    def failed(self, job: Job) -> None:
        """The job failed because S3 refused the rights."""
        self._has_failed = True
        self._jobs.add(job)

    def served(self) -> None:
        """S3 did what a job needed, or refused it for another reason."""
        self._jobs.clear()

    async def probe(self) -> Problem | None:
        problem = Problem(f"S3 refused {_DENIED_JOBS} jobs in a row: check the role's rights", is_lasting=True)
        if self._paused_at is None:
            return problem
        for source in self._jobs.next_sources():
            try:
                await self._objects.probe(source)
            except (AccessDeniedError, DependencyUnavailableError):
                if asyncio.get_running_loop().time() - self._paused_at < _LONGEST_DENIAL_SECONDS:
                    return problem
            except JobError:  # an answer
                pass
        self._has_failed = False
        return None

    def begun(self, problem: Problem) -> None:
        self._paused_at = asyncio.get_running_loop().time()

    def ended(self, seconds: float) -> None:
        self._paused_at = None


class WorkspaceAccess:
    """The workspace. It is suspected once a job found it full or could not write to it.

    `probe` tries to write; it raises WorkspaceFullError and DependencyUnavailableError.
    """

    reason = PauseReason.WORKSPACE
    backoff = _PROBE_BACKOFF

    def __init__(self, probe: Callable[[], None]) -> None:
        self._probe = probe
        self._has_failed = False

    @property
    def is_suspected(self) -> bool:
        return self._has_failed

    def failed(self) -> None:
        """An attempt at a job ended because of the workspace."""
        self._has_failed = True

    async def probe(self) -> Problem | None:
        try:
            self._probe()
        except WorkspaceFullError as error:
            return Problem(str(error))
        except DependencyUnavailableError as error:
            return Problem(str(error), is_lasting=True)
        self._has_failed = False
        return None

    def begun(self, problem: Problem) -> None:
        """Adds nothing to the event `consumption.paused`."""

    def ended(self, seconds: float) -> None:
        """Adds nothing to the event `consumption.resumed`."""
