"""When a worker stops by itself: after so many messages, or when its queue has been empty for a while."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StopReason(StrEnum):
    """Why a worker stops by itself."""

    QUEUE_EMPTY = "queue_empty"
    MAX_JOBS = "max_jobs"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a worker has done and holds at one moment. Times are loop times, in seconds."""

    ended: int  # messages that are gone from the queue: acknowledged or rejected
    in_hand: int  # messages that were received and are not settled
    empty_since: float | None  # since then each poll has brought nothing; None: the last one failed or brought some
    hidden_until: float  # when the last message that this worker has put off is visible again


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a worker is started for. None: no such limit.

    A message that this worker has put off does not count towards `max_jobs`, and until it is visible again the queue
    does not count as empty. Messages that other workers hold do not matter: those workers handle them.
    """

    max_jobs: int | None = None
    empty_seconds: float | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is any limit."""
        return self.max_jobs is not None or self.empty_seconds is not None

    def left(self, taken: Taken) -> int | None:
        """How many messages may still be received; None: any number."""
        return None if self.max_jobs is None else max(0, self.max_jobs - taken.ended - taken.in_hand)

    def reached(self, taken: Taken, now: float) -> StopReason | None:
        """Why the worker is to stop at the loop time `now`; None: it goes on."""
        if self.max_jobs is not None and taken.ended >= self.max_jobs:
            return StopReason.MAX_JOBS
        if self.empty_seconds is None or taken.in_hand or taken.empty_since is None:
            return None
        empty_for = now - max(taken.empty_since, taken.hidden_until)
        return StopReason.QUEUE_EMPTY if empty_for >= self.empty_seconds else None


UNLIMITED = RunLimits()
