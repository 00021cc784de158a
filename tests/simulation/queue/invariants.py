"""The invariants of workers that share a queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from tests.simulation.core.checker import BaseChecker, traced
from tests.simulation.core.publishing import PublishedEnds
from tests.simulation.core.runs import Runs
from tests.simulation.queue.encoders import Encoders
from tests.simulation.queue.groups import Groups
from tests.simulation.queue.incidents import LEASE_SECONDS, CancelRequest, ClockJump
from tests.simulation.queue.known_states import KnownStates
from tests.simulation.queue.lateness import WITHDRAW_SECONDS, Lateness
from tests.simulation.queue.outages import TableOutages
from tests.simulation.queue.schedule import MAX_ATTEMPTS, MAX_CRASHES, Schedule
from tests.simulation.queue.starts import Starts
from tests.simulation.queue.targets import JUST_CLAIMED_SECONDS, Targets
from tests.support.lean_loop import LeanLoop
from worker.domain.disposition import RETRY_BACKOFF
from worker.domain.progress import Record, Status
from worker.ports import Delivery

_CANCEL_SECONDS = 3.0  # a running job stops within them, where nothing keeps its worker from seeing the request
_LONGEST_WAIT_SECONDS = 900.0  # for the topic, between two tries


def number_of(job_id: str) -> int:
    """The index of the job's script in the schedule."""
    return int(job_id.removeprefix("job-"))


class Checker(BaseChecker):
    """What must hold for jobs, messages, workers and cancellations."""

    def __init__(self, loop: LeanLoop, schedule: Schedule) -> None:
        super().__init__(loop)
        self._clock = loop
        self._schedule = schedule
        self._began_at = loop.now
        self._held: dict[str, Record] = {}
        self._starts = Starts()
        self.outages = TableOutages(schedule, lambda: self._now, self.violated)
        self._ended_at: dict[str, float] = {}
        self._lateness = Lateness(schedule)
        self.runs: defaultdict[str, Runs] = defaultdict(Runs)  # by job; also what is asked for
        self._ends: defaultdict[str, list[Record]] = defaultdict(list)  # by job: those of all runs
        self.published_ends = PublishedEnds(self)
        self._published: defaultdict[str, set[int]] = defaultdict(set)  # by job: the fences
        self._confirmed: dict[tuple[str, int, str | None], float] = {}
        self.targets = Targets(schedule, self._held, self._confirmed, lambda: self._now, self.violated)
        self._running: defaultdict[str, dict[str, bool]] = defaultdict(dict)  # by worker: jobs, and who is suspect
        self.encoders = Encoders(self._running, self.violated)
        self._crowds: dict[str, str] = {}  # by worker: what runs there and should not, beside each other
        self._deaths_alone: defaultdict[str, int] = defaultdict(int)
        self._begun_at: dict[tuple[str, str], float] = {}
        self._groups = Groups()
        self._cancelled_at: dict[str, float] = {}
        self.known_states = KnownStates()
        self._knows_of_cancel: set[tuple[str, str]] = set()
        self.draining: set[str] = set()
        self._killed: set[str] = set()

    @property
    def _now(self) -> float:
        return self._clock.now - self._began_at

    # --- the table ----------------------------------------------------------------------------------------------

    @traced("table takes {record}, attempt {record.attempt}")
    def record_kept(self, before: Record | None, record: Record) -> None:
        job_id = record.job_id
        self._held[job_id] = record
        if record.is_final:
            self._ended(record)
        attempts = 0 if before is None else before.attempt
        is_claim = before is None or before.version.fence != record.version.fence or before.worker != record.worker
        if is_claim and (problem := self.runs[job_id].problem_with_claim(before, record)) is not None:
            self.violated(f"{job_id}: {problem}")
        if before is not None and record.run != before.run:
            self._run_begins(job_id)
            return
        if record.status is Status.RUNNING and is_claim:
            self._claimed(record, attempts)
        elif record.status is Status.QUEUED and record.attempt == attempts - 1:
            is_away = getattr(record.error, "code", None) == "dependency_unavailable"
            if self._starts.take_back(record) and record.worker not in self.draining and not is_away:
                self.violated(f"{job_id}: a start of {record.worker} does not count, and the worker was not draining")
        elif record.status is Status.QUEUED and record.error is None and before is not None:
            self.violated(f"{job_id} was given back, and its attempt {record.attempt} counts all the same")
        elif record.status is Status.CANCELLED and self._starts.has_started_nothing(record, attempts):
            pass
        elif record.attempt != attempts and not (before is None and record.is_final):
            self.violated(f"{job_id} goes from attempt {attempts} to {record.attempt} as {record.status}")
        if before is not None and before.is_final:
            self.violated(f"{job_id} was {before.status} and is {record.status}")

    def _run_begins(self, job_id: str) -> None:
        """Forget what was counted of the last run, and what was asked of it."""
        self._starts.forget(job_id)
        self._deaths_alone[job_id] = 0
        self._cancelled_at.pop(job_id, None)
        self._knows_of_cancel = {each for each in self._knows_of_cancel if each[1] != job_id}
        self._ended_at.pop(job_id, None)

    def _claimed(self, record: Record, attempts: int) -> None:
        job_id, worker = record.job_id, str(record.worker)
        if not self._starts.has_started_nothing(record, attempts + 1) and record.attempt != attempts + 1:
            self.violated(f"{job_id} starts as attempt {record.attempt} after attempt {attempts}")
        if self._cancelled_at.get(job_id, self._now) < self.known_states.known_at(record) - self._began_at:
            self.violated(f"{job_id} starts although it was to be cancelled when {worker} read its state")
        self._starts.claimed(record, self._now)
        self._check_the_order(job_id, "starts")

    def _ended(self, record: Record) -> None:
        job_id = record.job_id
        self._ended_at.setdefault(job_id, self._now)
        self._ends[job_id].append(record)
        self.published_ends.kept(record)
        if record.status is Status.COMPLETED and record.version.fence not in self._published[job_id]:
            self.violated(f"{job_id} is completed and nothing was published under {record.version}")
        if record.status is Status.CANCELLED and not self._schedule.has(CancelRequest, number_of(job_id)):
            self.violated(f"{job_id} is cancelled without a request")

    def confirmed(self, record: Record) -> None:
        """The table took a record, or had it already: at this moment the job was that worker's."""
        self._confirmed[record.job_id, record.version.fence, record.worker] = self._now

    # --- cancelling ----------------------------------------------------------------------------------------------

    @traced("{job_id} is to be cancelled")
    def cancel_requested(self, job_id: str) -> None:
        """The table keeps the request."""
        self._cancelled_at.setdefault(job_id, self._now)

    def cancel_requests_known(self, worker: str, job_ids: Collection[str]) -> None:
        """The worker knows that these jobs are to be cancelled."""
        self._knows_of_cancel.update((worker, job_id) for job_id in job_ids)

    @traced("{worker} deletes the outputs of {job_id} of run {run} and before")
    def retracted(self, worker: str, job_id: str, run: int) -> None:
        self.targets.delete(job_id, run)

    # --- the workers ---------------------------------------------------------------------------------------------

    @traced("{worker} asked for {slots} and received {count}")
    def received(self, worker: str, slots: int, count: int, concurrency: int) -> None:
        if count > slots or count + len(self._running[worker]) > concurrency:
            self.violated(f"{worker} receives {count} beside {len(self._running[worker])} running jobs")

    @traced("{claim.worker} starts {claim.job_id}, suspect: {is_suspect}")
    def begins(self, claim: Record, concurrency: int, *, is_suspect: bool) -> None:
        worker, job_id = str(claim.worker), claim.job_id
        running = self._running[worker]
        running[job_id] = is_suspect
        self._starts.begins(claim)
        self._begun_at[worker, job_id] = self._now
        if len(running) > concurrency:
            self._crowds[worker] = f"{worker} runs {len(running)} jobs beside each other in {concurrency} slots"
        if len(running) > 1 and any(running.values()):
            self._crowds[worker] = f"{worker} runs {sorted(running)} beside each other, and one of them is suspect"

    def ends(self, worker: str, job_id: str) -> None:
        self._running[worker].pop(job_id, None)
        if worker in self._crowds:  # not where it begins: a run that is ended there leaves coroutines behind
            self.violated(self._crowds[worker])

    @traced("{worker} loses the lease of {job_id}")
    def lease_lost(self, worker: str, place: int, job_id: str) -> None:
        """A job that runs ends there, because its message or its claim is another's."""
        if not self._schedule.may_take_lease(place, number_of(job_id)):
            self.violated(f"{worker} loses the lease of {job_id} for no reason")

    @traced("{worker} is killed")
    def killed(self, worker: str) -> None:
        self._killed.add(worker)
        self.targets.killed(worker)
        for job_id, is_suspect in self._running[worker].items():
            self._deaths_alone[job_id] += is_suspect

    @traced("{worker} counts as dead in {job_id}")
    def counted_as_dead(self, job_id: str, worker: str) -> None:
        """A claim says that the worker before it died."""
        if worker in self._killed:
            return
        has_begun, is_draining = self._starts.has_begun(job_id, worker), worker in self.draining
        if not self.outages.may_seem_dead(worker, number_of(job_id), has_begun=has_begun, is_draining=is_draining):
            self.violated(f"{job_id} is suspect for the death of {worker}, which lives")

    @traced("{claim.worker} publishes {claim.job_id} under {claim.version}")
    def publishes(self, place: int, claim: Record, asked_at: float) -> None:
        """The worker of the claim writes its targets. At `asked_at` it began to check that it holds the claim."""
        job_id, fence, worker = claim.job_id, claim.version.fence, str(claim.worker)
        self._published[job_id].add(fence)
        confirmed_at = self._confirmed.get((job_id, fence, worker))
        if confirmed_at is None or confirmed_at < asked_at - self._began_at - JUST_CLAIMED_SECONDS:
            self.violated(f"{worker} publishes {job_id} and no longer held it when it asked")
        held = self._held[job_id]
        if not self._schedule.have_clocks_parted:  # a worker whose clock is wrong may take over a live claim
            if held.version.fence != fence or held.worker != worker or held.is_final:
                self.violated(f"{worker} publishes {job_id}, which is {held.status} by {held.worker}")
            self._check_the_order(job_id, "is published")
        if (worker, job_id) in self._knows_of_cancel:
            self.violated(f"{worker} publishes {job_id} and knew that it was to be cancelled")
        if self._should_know(place, job_id, worker):
            self.violated(f"{worker} publishes {job_id}, to be cancelled since {self._cancelled_at[job_id]:.2f} s")

    def _should_know(self, place: int, job_id: str, worker: str) -> bool:
        """Whether the worker has been able to see the request to cancel the job for long enough."""
        since = max(self._cancelled_at.get(job_id, self._now), self._begun_at[worker, job_id])
        return since + _CANCEL_SECONDS < self._now and not self._schedule.is_hindered(place, since, self._now)

    # --- the queue -----------------------------------------------------------------------------------------------

    @traced("{message_id} of {job_id} is sent to group {group}")
    def message_sent(self, message_id: str, job_id: str | None, group: str | None) -> None:
        self._groups.sent(message_id, job_id, group)

    def _check_the_order(self, job_id: str, what: str) -> None:
        group = self._schedule.scripts[number_of(job_id)].group
        if not self._groups.is_first(job_id, group):
            self.violated(f"{job_id} {what} out of order: it is not the first in group {group}")

    @traced("{delivery.message_id} is deleted: {how}")
    def message_deleted(self, delivery: Delivery, how: str) -> None:
        message_id = delivery.message_id
        self._groups.deleted(message_id)
        job_id = self._groups.jobs.get(message_id)
        if job_id is None:
            if how != "reject":
                self.violated(f"{message_id} is not a job, and was not rejected")
            return
        record = self._held.get(job_id)
        if record is None or not self._ends[job_id]:
            self.violated(f"the message of {job_id} is deleted ({how}) and its record is {record}")
            return
        self.published_ends.require(job_id, lambda end: delivery.has_written(end.version))
        failures = [end for end in self._ends[job_id] if end.status is Status.FAILED]
        failed = [end for end in failures if delivery.has_written(end.version)]
        if (how != "reject" and record in failed) or (how == "reject" and not failed):
            self.violated(f"{job_id} is {record.status} and its message ends by {how}")
        if record.status is Status.CANCELLED and job_id in self.targets.visible:
            self.violated(f"{job_id} is cancelled, its message is gone, and there are outputs of it")

    @traced("{delivery.message_id} becomes visible in {seconds:.1f} s")
    def visibility_changed(self, delivery: Delivery, seconds: float) -> None:
        """A message that was put off while something was out comes back when its delay is over, and no sooner."""
        job_id = self._groups.jobs.get(delivery.message_id)
        record = self._held.get(job_id or "")
        tries = max(delivery.receive_count, 0 if record is None else record.attempt)
        since_its_end = self.published_ends.longest_wait_seconds(job_id or "", self._clock.now)
        since_its_end += sum(abs(each.seconds) for each in self._schedule.events if isinstance(each, ClockJump))
        since_its_end = min(since_its_end, _LONGEST_WAIT_SECONDS)
        if seconds > max(RETRY_BACKOFF.delay(tries, random=1.0), LEASE_SECONDS, since_its_end):
            self.violated(f"{delivery.message_id} becomes visible only in {seconds:.1f} s after {tries} tries")
        if job_id is not None:
            self._lateness.put_off(job_id, self._now, seconds)

    # --- the end -------------------------------------------------------------------------------------------------

    def check_the_end(self, job_id: str) -> None:
        record = self._held.get(job_id)
        if record is None or not record.is_final:
            self.violated(f"{job_id} has no final record: {record}")
            return
        self.published_ends.require(job_id)
        counted = self._starts.count(job_id)
        if record.attempt != counted:
            self.violated(f"{job_id} ends with attempt {record.attempt} after {counted} starts that count")
        self._check_that_all_were_started(job_id)
        script = self._schedule.scripts[number_of(job_id)]
        if record.status is Status.FAILED and script.goes_well:
            self._check_the_failure(job_id, record)
        self.targets.check_the_end(record)
        if (problem := self._lateness.problem_with(job_id, self._ended_at[job_id])) is not None:
            self.violated(problem)

    def _check_that_all_were_started(self, job_id: str) -> None:
        """A claim that counts was started, unless its worker died, or lost the lease before that."""
        if self._schedule.have_clocks_parted:  # a worker may take over a claim before it is withdrawn
            return
        for start, until in self._starts.that_never_were(job_id, self._ended_at[job_id]):
            if start.worker in self._killed | self.draining or self._schedule.may_lose_leases(start.place):
                continue
            if not self._schedule.is_hindered(start.place, until - WITHDRAW_SECONDS, until):
                self.violated(f"{job_id} counts a start of {start.worker} that never was")

    def _check_the_failure(self, job_id: str, record: Record) -> None:
        """Check the failure of a job with which nothing was wrong."""
        code = None if record.error is None else record.error.code
        if code != "too_many_attempts":
            self.violated(f"{job_id} failed with {code} and nothing was wrong with it")
        is_early = record.attempt < MAX_ATTEMPTS and self._deaths_alone[job_id] < MAX_CRASHES
        if is_early and not self._schedule.may_lose_starts:
            self.violated(f"{job_id} failed for {self._deaths_alone[job_id]} deaths while it ran alone")
