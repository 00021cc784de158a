"""The claims of this worker: whether a delivery may start a job, and the record that says that it does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from worker.application.jobs.attempt import Claim, JobLimits
from worker.application.jobs.sightings import Sightings
from worker.application.messages.message import message_to_keep
from worker.application.progress.failover import FailoverStore
from worker.domain.backoff import Backoff
from worker.domain.claim import (
    MOST_SEQS,
    ClaimDecision,
    ClaimLimits,
    ClaimMark,
    JobMessage,
    JobState,
    Start,
    decide,
)
from worker.domain.disposition import RETRY_BACKOFF
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import Job
from worker.domain.outcome import Lost, Released, WillRetry, record_of
from worker.domain.progress import FIRST_RUN, OutputRecord, Record, Stage, Status, Version
from worker.ports import Conflict, Delivery, JobTable, StoreUnavailableError, UnreadableRecordError, Written

# How long an unanswered claim is asked for again. With the last write and read after it, that is less than a lease.
_DOUBT_SECONDS = 5.0
_DOUBT_SHARE = 0.25  # of a lease
_RETRY = Backoff(first_seconds=0.1, factor=2, cap_seconds=1, floor=0.5)
_GIVE_BACK_SECONDS = 1.0
_RECORD_BACKOFF = Backoff(first_seconds=1, factor=2, cap_seconds=2, floor=0.5)
_RENEWED_SHARE = 2 / 3  # of a claim's lease: a worker that lives has more left, because it renews at a third
_ARRIVAL_SECONDS = 30.0  # a write that nobody waits for any more has arrived by then, or never will


@dataclass(frozen=True, slots=True)
class _EndedClaim:
    """A claim of this worker under which nothing runs any more, and an end that the job table does not have yet.

    After the loop time `until` the claim cannot arrive any more.
    """

    token: str
    ending: Released | WillRetry
    until: float


class JobClaims:
    """Decides about claims and writes them. `worker` is this process's name in records; `random` is in [0, 1).

    A claim whose answer is lost is written and looked up again until it is known. If the table is out for longer than
    that, nothing is started, and the claim may be kept all the same. `run`, which has to run beside the jobs, records
    that nothing runs under it when the table answers: it counts neither as an attempt nor as a death.
    """

    def __init__(
        self,
        table: JobTable,
        store: FailoverStore,
        limits: JobLimits,
        *,
        worker: str,
        now: Callable[[], datetime],
        random: Callable[[], float],
    ) -> None:
        self._table = table
        self._store = store
        self._limits = ClaimLimits(limits.lease_seconds, limits.max_attempts, limits.max_crashes)
        self._worker = worker
        self._now = now
        self._random = random
        self._sightings = Sightings()
        self._ended: dict[str, _EndedClaim] = {}  # by job id
        self._is_any_ended = asyncio.Event()

    @property
    def lease_seconds(self) -> float:
        """How long a claim lasts that is not renewed."""
        return self._limits.lease_seconds

    async def run(self) -> None:
        """Record, for ever, the ends of claims under which nothing runs any more."""
        turns = 0
        while True:
            await self._is_any_ended.wait()
            turns += 1
            await asyncio.sleep(_RECORD_BACKOFF.delay(turns, self._random()))
            for job_id, ended in tuple(self._ended.items()):
                with suppress(StoreUnavailableError):
                    await self._record_end(job_id, ended)
            if not self._ended:
                self._is_any_ended.clear()
                turns = 0

    async def state(self, job_id: str) -> JobState | None:
        """What the job table has of the job. Raises StoreUnavailableError."""
        return await self._table.state(job_id)

    def decide(self, state: JobState | None, fence: int, rejected_run: int | None = None) -> ClaimDecision:
        """What a delivery with `fence` may do with a job in that state.

        `rejected_run` is given for a dead letter that has come back: the run in which it was rejected.
        """
        return decide(
            self._as_it_ended(state),
            fence=fence,
            now=self._now(),
            limits=self._limits,
            rejected_run=rejected_run,
            unchanged_seconds=self._sightings.unchanged_seconds(None if state is None else state.record),
        )

    def delay_while_it_runs(self, delay_seconds: float, delivery: Delivery) -> float:
        """The delay after which another message of a job that runs comes back: `delay_seconds` or more.

        It grows with the receives as long as the holder of the claim is seen to live, because a job may run for hours,
        and queues that move a message to the dead-letter queue after ten receives are common.
        """
        if delay_seconds < self._limits.lease_seconds * _RENEWED_SHARE:
            return delay_seconds
        return max(delay_seconds, RETRY_BACKOFF.delay(delivery.receive_count, self._random()))

    def _as_it_ended(self, state: JobState | None) -> JobState | None:
        """The state with the end of this worker's own claim in it, where the table does not have it yet."""
        ended = None if state is None else self._ended.get(state.record.job_id)
        if state is None or ended is None or not state.is_claimed_by(ended.token):
            return state
        return replace(state, record=record_of(ended.ending, state.record, state.record.version, self._now()))

    async def claim(self, job: Job, state: JobState | None, start: Start, delivery: Delivery) -> Claim | Conflict:
        """Claim the job, which is in that state. Raises StoreUnavailableError: nothing may be started."""
        asked_at = asyncio.get_running_loop().time()  # before the record is dated, because others go by its date
        current = None if state is None else state.record
        record = self.record_of(job, current, start.attempt, start.version)
        mark = ClaimMark(self._new_token(start.version), start.is_suspect, start.deaths_alone)
        message = message_to_keep(job, delivery.group_id)
        result = await self._known(record, None if current is None else current.version, mark, message)
        if not isinstance(result, Written):
            return result
        began_at = record.updated_at.timestamp()
        message_ends_at = math.inf if delivery.expires_at_ms is None else delivery.expires_at_ms / 1000
        return Claim(
            job,
            record,
            mark.token,
            asked_at,
            asked_at + message_ends_at - began_at,
            current,
            max(0.0, began_at - _waiting_since(current, delivery)),
        )

    async def give_back(self, claim: Claim, loss: Lost | None = None) -> None:
        """Record that nothing runs under the claim. Where the table does not answer within a second, `run` does it.

        `loss` is how the run under the claim was lost, which counts as an attempt. Without it, nothing was started.
        The record is kept only if no other worker has claimed the job meanwhile.
        """
        ending: Released | WillRetry = Released()
        if loss is not None:
            problem = f"did not keep the message for its worker: {loss.reason}"
            ending = WillRetry(DependencyUnavailableError("SQS", problem), 0.0)
        now = asyncio.get_running_loop().time()  # the claim has arrived: if it is not there, it was taken over
        ended = _EndedClaim(claim.token, ending, until=now)
        self._note(claim.job.job_id, ended)
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(_GIVE_BACK_SECONDS):
                await self._record_end(claim.job.job_id, ended)

    def record_of(self, job: Job, current: Record | None, attempt: int, version: Version) -> Record:
        """The record of the job as this worker begins it."""
        now = self._now()
        return Record(
            job_id=job.job_id,
            status=Status.RUNNING,
            stage=Stage.DOWNLOADING,
            percent=0.0,
            attempt=attempt,
            version=version,
            created_at=now if current is None else current.created_at,
            updated_at=now,
            worker=self._worker,
            source=job.sources,
            outputs=tuple(OutputRecord(str(output.target)) for output in job.outputs),
            run=FIRST_RUN if current is None else current.run,
        )

    def _new_token(self, version: Version) -> str:
        """A token that no other claim has, not even one of another worker that was given the same name."""
        return f"{self._worker}/{version.fence}.{version.seq}/{int(self._random() * 2**32):08x}"

    async def _known(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None
    ) -> Written | Conflict:
        """Write the claim, again and again, until it is known whether it is kept.

        The same token each time: what failed may have arrived, and is then our own claim. Raises
        StoreUnavailableError when that takes too long, and at once where the table refuses the claim.
        """
        time = asyncio.get_running_loop().time
        until = time() + min(_DOUBT_SECONDS, self._limits.lease_seconds * _DOUBT_SHARE)
        failures = 0
        is_in_doubt = True
        try:
            while True:
                try:
                    return await self._store.claim(record, seen, mark, message)
                except StoreUnavailableError as error:
                    failures += 1
                    is_in_doubt = failures > 1 or not error.is_refusal
                    if not is_in_doubt:
                        raise
                    if await self._is_kept(record, mark):
                        return Written()
                    if time() >= until:
                        raise
                await asyncio.sleep(_RETRY.delay(failures, self._random()))
        except (StoreUnavailableError, asyncio.CancelledError):
            if is_in_doubt:
                self._note(record.job_id, _EndedClaim(mark.token, Released(), until=time() + _ARRIVAL_SECONDS))
            raise

    def _note(self, job_id: str, ended: _EndedClaim) -> None:
        self._ended[job_id] = ended
        self._is_any_ended.set()

    async def _is_kept(self, record: Record, mark: ClaimMark) -> bool:
        """Whether the table is seen to hold the claim. False where it cannot be asked, or does not hold it yet."""
        with suppress(StoreUnavailableError):
            state = await self._table.state(record.job_id)
            if state is not None and state.is_claimed_by(mark.token):
                await self._store.found_in_table(record)
                return True
        return False

    async def _record_end(self, job_id: str, ended: _EndedClaim) -> None:
        """Record that the claim has ended. Raises StoreUnavailableError, and then may be called again."""
        try:
            state = await self._table.state(job_id)
        except UnreadableRecordError:  # nothing can be recorded of the job until somebody has mended that
            self._forget(job_id, ended)
            raise
        if state is not None and state.is_claimed_by(ended.token):
            seen = state.record.version
            version = Version(seen.fence, seen.seq + MOST_SEQS)  # Redis may have ticks that are later than this one
            end = record_of(ended.ending, state.record, version, self._now())
            result = await self._store.write_if_unchanged(end, seen)
            if isinstance(result, Conflict) and result.state.is_claimed_by(ended.token):
                return  # a tick of the attempt has arrived meanwhile
        elif asyncio.get_running_loop().time() < ended.until:
            return
        self._forget(job_id, ended)

    def _forget(self, job_id: str, ended: _EndedClaim) -> None:
        if self._ended.get(job_id) is ended:
            del self._ended[job_id]


def _waiting_since(before: Record | None, delivery: Delivery) -> float:
    """Since when the job waits, in epoch seconds: since its message was sent, or since its last start ended."""
    sent_at = delivery.sent_at_ms / 1000
    return sent_at if before is None else max(sent_at, before.updated_at.timestamp())
