"""The claims of jobs, and which of them started something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from tests.simulation.queue.link_faults import place_of
from worker.domain.progress import Record


@dataclass(frozen=True, slots=True)
class Start:
    """Names one claim of a worker."""

    job_id: str
    fence: int
    worker: str

    @property
    def place(self) -> int:
        return place_of(self.worker)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was kept, `at` a time of the run."""

    start: Start
    at: float


def start_of(record: Record) -> Start:
    """What the claim of the record, which is by a worker, may start."""
    return Start(record.job_id, record.version.fence, str(record.worker))


class Starts:
    """Counts the claims of jobs that count as starts."""

    def __init__(self) -> None:
        self._claims: defaultdict[str, list[Claimed]] = defaultdict(list)  # by job, that were kept
        self._begun: set[Start] = set()
        self._taken_back: set[Start] = set()

    def claimed(self, record: Record, at: float) -> None:
        """The claim was kept at that time of the run."""
        self._claims[record.job_id].append(Claimed(start_of(record), at))

    def forget(self, job_id: str) -> None:
        """A new run of the job begins: starts count from there."""
        self._claims.pop(job_id, None)

    def begins(self, claim: Record) -> None:
        """Its job begins."""
        self._begun.add(start_of(claim))

    def take_back(self, record: Record) -> bool:
        """The start under this claim no longer counts. Returns whether there was one."""
        start = start_of(record)
        self._taken_back.add(start)
        return start in self._begun

    def has_started_nothing(self, record: Record, attempts: int) -> bool:
        """Whether the record, after that many attempts, takes back its worker's last claim, which started nothing."""
        claims = self._claims[record.job_id]
        if record.attempt != attempts - 1 or not claims:
            return False
        last = claims[-1].start
        if last.worker != record.worker or last in self._begun:
            return False
        self._taken_back.add(last)
        return True

    def has_begun(self, job_id: str, worker: str) -> bool:
        """Whether the worker's last claim of the job started something."""
        claims = [claimed.start for claimed in self._claims[job_id] if claimed.start.worker == worker]
        return bool(claims) and claims[-1] in self._begun

    def count(self, job_id: str) -> int:
        """How many claims of the job count as starts."""
        return sum(claimed.start not in self._taken_back for claimed in self._claims[job_id])

    def that_never_were(self, job_id: str, ended_at: float) -> Iterator[tuple[Start, float]]:
        """Claims that count and started nothing, each with the time of the next claim, or of the job's end."""
        claims = self._claims[job_id]
        for claimed, following in zip_longest(claims, claims[1:]):
            if claimed.start not in self._begun | self._taken_back:
                yield claimed.start, ended_at if following is None else following.at
