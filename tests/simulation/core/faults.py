"""How requests to servers go wrong. A fault is one value: when a request arrives, and when and how it is answered.

A simulation draws its faults from those here and from values of its own; no other code has to know a new one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from worker.domain.circuit import Severity


@dataclass(frozen=True, slots=True)
class Request:
    """What the times of a fault may depend on. Times are in seconds."""

    latency: float  # that the request takes without a fault
    remaining: float  # until the fault ends
    random: Callable[[], float]  # in [0, 1)


When = Callable[[Request], float]  # seconds from now


def in_time(request: Request) -> float:
    return request.latency


def never(_: Request) -> float:
    return math.inf


def when_the_fault_ends(request: Request) -> float:
    return request.remaining


def later(seconds: float) -> When:
    """After up to so many seconds, all equally likely, in addition to the latency."""
    return lambda request: request.latency + seconds * request.random()


def a_round_trip(request: Request) -> float:
    return 2 * request.latency


@dataclass(frozen=True, slots=True)
class Fault:
    """`name` is the name of the constant, so that a printed schedule can be kept as code.

    A request that never arrives has no effect. With a `failure`, the answer is that error instead of the server's. A
    caller with a budget gets an error when its time is up; the request may still arrive later.
    """

    name: str
    arrives: When = in_time
    answered: When | None = None  # None: as soon as it arrives
    failure: str | None = None
    severity: Severity = Severity.SOFT
    is_refusal: bool = False  # the failure is an answer that says that nothing was done
    spares_reads: bool = False
    any_of: tuple[Fault | None, ...] = ()  # each request meets one of these instead

    def __repr__(self) -> str:
        return self.name

    def met_by(self, rng: random.Random, *, is_write: bool) -> Fault | None:
        """The fault that a request meets while this one lasts."""
        fault = rng.choice(self.any_of) if self.any_of else self
        return None if fault is None or (fault.spares_reads and not is_write) else fault


REFUSED = Fault("REFUSED", arrives=never, answered=in_time, failure="connection refused")
SILENT = Fault("SILENT", arrives=never)
UNACKNOWLEDGED = Fault("UNACKNOWLEDGED", answered=a_round_trip, failure="connection reset")
LATE = Fault("LATE", arrives=lambda request: 0.1 + 2.5 * request.random() ** 2)  # often after its caller has given up
FROZEN = Fault("FROZEN", arrives=when_the_fault_ends)
OVERDUE = Fault("OVERDUE", arrives=later(8.0))  # often after a caller has given up that waits for seconds
SLOW = Fault("SLOW", answered=later(0.5))
UNANSWERED = Fault("UNANSWERED", answered=never)  # applied, and the caller's budget runs out
READONLY = Fault(
    "READONLY", arrives=never, answered=in_time, failure="READONLY", severity=Severity.HARD, spares_reads=True
)
THROTTLED = Fault("THROTTLED", arrives=never, answered=in_time, failure="throttled", is_refusal=True)
FORBIDDEN = Fault(
    "FORBIDDEN", arrives=never, answered=in_time, failure="forbidden", severity=Severity.HARD, is_refusal=True
)
FLAKY = Fault("FLAKY", any_of=(None, None, None, REFUSED, SILENT, UNACKNOWLEDGED, LATE, SLOW))
