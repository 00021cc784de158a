"""What must hold while workers share a queue, whatever befalls them."""

from __future__ import annotations

from collections import defaultdict

from tests.support.lean_loop import LeanLoop
from worker.domain.progress import Record, Status


class ViolationError(AssertionError):
    """An invariant does not hold."""


class Checker:
    """Is told of everything that happens, and ends the run at the first thing that must not."""

    def __init__(self, loop: LeanLoop) -> None:
        self.lines: list[str] = []
        self._loop = loop
        self._held: dict[str, Record] = {}
        self._starts: defaultdict[str, int] = defaultdict(int)
        self._uncounted: defaultdict[str, int] = defaultdict(int)
        self._published: defaultdict[str, set[int]] = defaultdict(set)  # by job: the fences
        self._confirmed: dict[tuple[str, int, str | None], float] = {}
        self._running: defaultdict[str, int] = defaultdict(int)
        self.jobs: dict[str, str] = {}  # by message id; a message that is no job is not in it
        self.draining: set[str] = set()

    def violated(self, what: str) -> None:
        self._loop.abort(ViolationError(f"at {self._loop.now:.2f} s: {what}"))

    def noted(self, text: str) -> None:
        self.lines.append(f"{self._loop.now:9.2f}  {text}")

    # --- the ledger ----------------------------------------------------------------------------------------------

    def record_kept(self, before: Record | None, record: Record) -> None:
        self.noted(
            f"ledger: {record.job_id} {record.status} attempt {record.attempt} {record.version} {record.worker}"
        )
        job_id = record.job_id
        self._held[job_id] = record
        if before is not None and before.is_final:
            self.violated(f"{job_id} was {before.status} and is {record.status}")
        attempts = 0 if before is None else before.attempt
        is_claim = before is None or before.version.fence != record.version.fence or before.worker != record.worker
        if record.status is Status.RUNNING and is_claim:
            self._starts[job_id] += 1
            if record.attempt != attempts + 1:
                self.violated(f"{job_id} starts as attempt {record.attempt} after attempt {attempts}")
        elif record.status is Status.QUEUED and record.attempt == attempts - 1:
            self._uncounted[job_id] += 1
            if record.worker not in self.draining:
                self.violated(f"{job_id}: a start of {record.worker} does not count, and nobody stopped it")
        elif record.status is Status.QUEUED and record.error is None:
            self.violated(f"{job_id} was given back, and its attempt {record.attempt} counts all the same")
        elif record.attempt != attempts and not (before is None and record.is_final):
            self.violated(f"{job_id} goes from attempt {attempts} to {record.attempt} as {record.status}")
        if record.status is Status.COMPLETED and record.version.fence not in self._published[job_id]:
            self.violated(f"{job_id} is completed and nothing was published under {record.version}")

    def confirmed(self, record: Record) -> None:
        """The ledger took a record, or had it already: at this moment the job was that worker's."""
        self._confirmed[record.job_id, record.version.fence, record.worker] = self._loop.now

    # --- the workers ---------------------------------------------------------------------------------------------

    def received(self, worker: str, slots: int, count: int, concurrency: int) -> None:
        self.noted(f"{worker} asked for {slots} and received {count}")
        if count > slots or count + self._running[worker] > concurrency:
            self.violated(f"{worker} receives {count} beside {self._running[worker]} running jobs")

    def begins(self, worker: str, job_id: str, concurrency: int) -> None:
        self.noted(f"{worker} starts {job_id}")
        self._running[worker] += 1
        if self._running[worker] > concurrency:
            self.violated(f"{worker} runs {self._running[worker]} jobs in {concurrency} slots")

    def ends(self, worker: str) -> None:
        self._running[worker] -= 1

    def publishes(self, claim: Record, asked_at: float) -> None:
        """The worker of the claim writes its targets; it began to ask at `asked_at` whether it may."""
        self.noted(f"{claim.worker} publishes {claim.job_id} under {claim.version.fence}")
        confirmed_at = self._confirmed.get((claim.job_id, claim.version.fence, claim.worker))
        if confirmed_at is None or confirmed_at < asked_at:
            self.violated(f"{claim.worker} publishes {claim.job_id} and no longer held it when it asked")
        self._published[claim.job_id].add(claim.version.fence)

    # --- the queue -----------------------------------------------------------------------------------------------

    def message_deleted(self, message_id: str, how: str) -> None:
        self.noted(f"queue: {message_id} {how}")
        job_id = self.jobs.get(message_id)
        if job_id is None:
            if how != "reject":
                self.violated(f"{message_id} is no job, and was not rejected")
            return
        record = self._held.get(job_id)
        if record is None or not record.is_final:
            self.violated(f"the message of {job_id} is deleted ({how}) and its record is {record}")
        elif (how == "reject") != (record.status is Status.FAILED):
            self.violated(f"{job_id} is {record.status} and its message ends by {how}")

    # --- the end -------------------------------------------------------------------------------------------------

    def check_the_end(self, job_id: str, *, may_fail: bool) -> None:
        record = self._held.get(job_id)
        if record is None or not record.is_final:
            self.violated(f"{job_id} has no final record: {record}")
            return
        counted = self._starts[job_id] - self._uncounted[job_id]
        if record.attempt != counted:
            self.violated(f"{job_id} ends with attempt {record.attempt} after {counted} starts that count")
        if record.status is Status.FAILED and not may_fail:
            code = None if record.error is None else record.error.code
            if code != "too_many_attempts":
                self.violated(f"{job_id} failed with {code} and nothing was wrong with it")
