"""The targets of jobs, as S3 has them: what can be seen there, and the parts of uploads that nobody sees.

An output of which parts are sent while it is converted must not be seen before its worker has confirmed its claim, and
whatever ends its job, none of its parts may stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tests.simulation.queue.link_faults import S3, place_of
from tests.simulation.queue.schedule import Schedule
from worker.domain.progress import Record, Status

JUST_CLAIMED_SECONDS = 1.0  # a claim that is younger cannot have been taken over

Confirmed = Mapping[tuple[str, int, str | None], float]  # when the table last confirmed a claim of that fence


@dataclass(eq=False, slots=True)
class Upload:
    """An upload in parts, by the worker of the claim. `is_lost`: nobody is left who could drop it, but S3 itself."""

    claim: Record
    is_lost: bool = False


class NoSuchUploadError(Exception):
    """The upload has been completed or aborted."""


class Targets:
    """`held` are the records in the job table. `violated` ends the run. `now` gives seconds after its beginning."""

    def __init__(
        self,
        schedule: Schedule,
        held: Mapping[str, Record],
        confirmed: Confirmed,
        now: Callable[[], float],
        violated: Callable[[str], None],
    ) -> None:
        self.visible: dict[str, int] = {}  # by job: the run whose outputs can be read
        self._schedule = schedule
        self._held = held
        self._confirmed = confirmed
        self._now = now
        self._violated = violated
        self._converted_at: dict[tuple[str, int], float] = {}  # by job and fence
        self._unfinished: list[Upload] = []
        self._killed: set[str] = set()

    def converted(self, claim: Record) -> None:
        """The outputs of that claim's attempt are complete on its worker's disk."""
        self._converted_at[claim.job_id, claim.version.fence] = self._now()

    def begin(self, upload: Upload) -> None:
        upload.is_lost = upload.claim.worker in self._killed and not self._is_held_by(upload.claim)
        self._unfinished.append(upload)

    def send_part(self, upload: Upload) -> None:
        """Raises NoSuchUploadError."""
        if upload not in self._unfinished:
            raise NoSuchUploadError

    def complete(self, upload: Upload) -> None:
        """Raises NoSuchUploadError."""
        self.abort(upload)
        self.put(upload.claim)

    def put(self, claim: Record) -> None:
        """The output of that claim's attempt can be seen from now on."""
        job_id, fence, worker = claim.job_id, claim.version.fence, claim.worker
        converted_at = self._converted_at.get((job_id, fence), math.inf)
        if self._confirmed.get((job_id, fence, worker), -math.inf) < converted_at - JUST_CLAIMED_SECONDS:
            self._violated(f"an output of {job_id} can be seen before {worker} has confirmed its claim")
        number, place = int(job_id.removeprefix("job-")), place_of(str(worker))
        if not self._is_held_by(claim) and not self._schedule.may_take_lease(place, number):
            self._violated(f"an output of {job_id} by {worker} can be seen, and it no longer holds its claim")
        self.visible[job_id] = claim.run

    def abort(self, upload: Upload) -> None:
        """Raises NoSuchUploadError."""
        self.send_part(upload)
        self._unfinished.remove(upload)

    def drop(self, job_id: str, but: Collection[Upload]) -> None:
        """Abort all uploads to the job's target but those."""
        self._unfinished = [each for each in self._unfinished if each.claim.job_id != job_id or each in but]

    def delete(self, job_id: str, run: int) -> None:
        """Delete what the job has published in that run or before."""
        if self.visible.get(job_id, math.inf) <= run:
            del self.visible[job_id]

    def killed(self, worker: str) -> None:
        """Count as lost its uploads for jobs that others hold: those may have dropped unfinished uploads before."""
        self._killed.add(worker)
        for each in self._unfinished:
            if each.claim.worker == worker and not self._is_held_by(each.claim):
                each.is_lost = True

    def check_the_end(self, end: Record) -> None:
        """Check that a completed job has outputs, and a cancelled one none. Where S3 answers, no parts are left."""
        job_id = end.job_id
        if end.status is Status.CANCELLED and job_id in self.visible:
            self._violated(f"{job_id} is cancelled, and there are outputs of it")
        if end.status is Status.COMPLETED and job_id not in self.visible:
            self._violated(f"{job_id} is completed, and its outputs are gone")
        if any(each.service == S3 for each in self._schedule.link_faults):
            return
        for each in self._unfinished:
            if each.claim.job_id == job_id and not each.is_lost:
                self._violated(f"parts of an output of {job_id} are left, which {each.claim.worker} has sent")

    def _is_held_by(self, claim: Record) -> bool:
        held = self._held.get(claim.job_id)
        if held is None or held.is_final:
            return False
        return held.version.fence == claim.version.fence and held.worker == claim.worker
