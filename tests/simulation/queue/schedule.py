"""What happens in a run of the queue simulation, from a seed: jobs, faults and incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.core.schedule import BaseSchedule, LinkFault
from tests.simulation.core.stores import TABLE
from tests.simulation.queue.incidents import (
    LEASE_SECONDS,
    ClockJump,
    ComeBack,
    Freeze,
    Incident,
    Redelivery,
    RetryRequest,
    SendAgain,
    Starvation,
)
from tests.simulation.queue.link_faults import QUEUE, is_outage_of_the_table, worker_at

MAX_ATTEMPTS = 4
MAX_CRASHES = 2
_HARMLESS_JUMPS_SECONDS = LEASE_SECONDS / 2  # a claim that lives is renewed more often than that


@dataclass(frozen=True, slots=True)
class Script:
    """One job and how its attempts go: a word for each, the last for all that follow.

    `well`, `fail` (for good), `stumble` (a passing error), `crash` (takes its worker with it), `hang`.
    """

    arrives_at: float
    seconds: float  # that it takes
    attempts: tuple[str, ...] = ("well",)
    is_readable: bool = True
    is_submitted: bool = False  # there is a `queued` record, as `worker submit` leaves it
    group: str | None = None  # of a FIFO queue
    priority: int = 0  # the queue that its messages are sent to; 0 is the most urgent
    pieces: int | None = None  # for outputs whose parts are sent while they are encoded; 1: encoded as a whole

    def attempt(self, number: int) -> str:
        return self.attempts[min(number, len(self.attempts)) - 1]

    @property
    def goes_well(self) -> bool:
        return set(self.attempts) == {"well"}


_LONG_SECONDS = 100.0


@dataclass(frozen=True, slots=True)
class Schedule(BaseSchedule):
    """One run."""

    workers: int
    scripts: tuple[Script, ...]
    in_flight_limit: int | None = None

    @property
    def queues(self) -> int:
        return 1 + max(script.priority for script in self.scripts)

    @property
    def events(self) -> list[Incident]:
        return [each for each in self.incidents if isinstance(each, Incident)]

    @property
    def calm_at(self) -> float:
        """When the last fault is over and the last job is there, in seconds after the beginning of the run."""
        return max(self.last_end, *(script.arrives_at for script in self.scripts))

    def has(self, kind: type[Incident], whom: int | None = None) -> bool:
        """Whether there is such an incident; with `whom`, whether it happens to that worker or job."""
        return any(isinstance(each, kind) and (whom is None or each.concerns(whom)) for each in self.events)

    def may_stand_still(self, place: int) -> bool:
        """Whether the worker at this place is frozen or held for a while."""
        return any(isinstance(each, Freeze | Starvation) and each.worker == place for each in self.events)

    def may_be_held(self, place: int | None = None) -> bool:
        """Whether the worker at this place, or any, is held for so long that it may lose its leases."""
        return any(
            isinstance(each, Freeze | Starvation) and each.may_cost_leases and place in {None, each.worker}
            for each in self.events
        )

    @property
    def have_clocks_parted(self) -> bool:
        """Whether the workers' clocks may differ so much that one takes over a live claim of another."""
        jumps = sum(abs(each.seconds) for each in self.events if isinstance(each, ClockJump))
        return jumps > _HARMLESS_JUMPS_SECONDS

    @property
    def may_lose_starts(self) -> bool:
        """Whether a start may end although neither its job nor a death ends it."""
        return bool(self.link_faults) or self.may_be_held() or self.have_clocks_parted

    @property
    def has_long_job(self) -> bool:
        """Whether a job runs so long that another message of it waits for dozens of leases."""
        return any(script.seconds > _LONG_SECONDS for script in self.scripts)

    @property
    def still_to_come(self) -> int:
        """How many jobs and incidents put something on the queue."""
        return len(self.scripts) + sum(isinstance(each, SendAgain | ComeBack | RetryRequest) for each in self.events)

    def may_lose_leases(self, place: int) -> bool:
        """Whether something may keep the worker from the queue, so that a lease ends before its job begins."""
        return any(each.service == QUEUE and worker_at(place) in each.who for each in self.link_faults)

    def may_take_lease(self, place: int, job: int) -> bool:
        """Whether something may take a job that runs from the worker."""
        is_late = self.have_clocks_parted or self.may_be_held(place) or self.may_lose_leases(place)
        return is_late or self.may_lose_claim(place, job) or self.has(Redelivery, job)

    def has_other_messages(self, job: int) -> bool:
        """Whether a message of the job may come while another one of it runs."""
        return self.has(SendAgain, job) or self.has(ComeBack, job)

    def may_lose_claim(self, place: int, job: int) -> bool:
        """Whether the worker may be kept from the table for so long that another message's worker takes over."""
        return self.has_other_messages(job) and any(
            each.service == TABLE
            and worker_at(place) in each.who
            and each.end - each.start >= LEASE_SECONDS / 2  # a claim is renewed at a third of it
            for each in self.link_faults
        )

    @property
    def outages(self) -> Sequence[LinkFault]:
        """The outages of the job table for all workers that no other fault of it interrupts.

        Of two faults at once the first in the schedule is met, and it may answer.
        """
        of_the_table = [each for each in self.link_faults if each.service == TABLE]
        outages = [each for each in of_the_table if is_outage_of_the_table(each, self.workers)]
        return [
            outage
            for outage in outages
            if all(each is outage or each.end <= outage.start or outage.end <= each.start for each in of_the_table)
        ]

    def is_hindered(self, place: int, since: float, until: float) -> bool:
        """Whether something may keep the worker from asking DynamoDB in that time."""
        hindrances = [each for each in self.incidents if _hinders(each, place)]
        return any(each.start <= until and since <= each.end for each in hindrances)

    def __str__(self) -> str:
        about = f"seed {self.seed}, {self.workers} workers, in-flight limit {self.in_flight_limit}"
        return "\n".join([about, *(f"  {script}" for script in self.scripts), *self.lines()])


def _hinders(incident: object, place: int) -> bool:
    """Whether the worker may be unable to ask DynamoDB while the incident lasts."""
    if isinstance(incident, LinkFault):
        return incident.service == TABLE and worker_at(place) in incident.who
    return isinstance(incident, Freeze | Starvation) and incident.worker == place
