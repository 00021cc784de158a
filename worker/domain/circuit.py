"""When to leave a store alone, and when to trust it again: a circuit breaker without a clock of its own.

Calls go through while the circuit is closed. Only probes close it again: user traffic is never used to find out. The
rules and their numbers come from measurements of the Python breakers that there are: each let every waiting call
through at once when half open, and most counted cancelled calls.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from worker.domain.backoff import Backoff

FAILURES_IN_A_ROW = 3
WINDOW_SECONDS = 10.0
WINDOW_CALLS = 10  # fewer say nothing of a rate
WINDOW_FAILURE_RATE = 0.5
PROBES_AFTER_A_TRIP = 2
SECONDS_BETWEEN_GOOD_PROBES = 0.25
CALM_SECONDS = 30.0  # after the circuit was closed for so long, the next outage starts with short delays again
# Five seconds after Redis answers again it is used again, which tests/system/test_redis_outage.py measures. The cap
# leaves room for a hung probe, the second probe and the replay within them.
PROBE_BACKOFF = Backoff(first_seconds=0.5, factor=2, cap_seconds=3.0, floor=0.5)


class Severity(Enum):
    """What a store's failure says about the next call."""

    SOFT = "soft"  # may pass: timeout, connection lost
    HARD = "hard"  # will not pass by itself: READONLY, OOM, authentication
    LOCAL = "local"  # not the store's: our own pool is exhausted, or one key is not ours


class Circuit:
    """Closed, or open until enough probes in a row are good. Times are in seconds of one monotonic clock.

    It starts open, unproven: one good probe closes it. A caller notes `generation` before a call and hands it back
    with the result; a result from before a trip changes nothing. A cancelled call is not reported at all.
    """

    def __init__(self) -> None:
        self._generation = 0
        self._closed_at: float | None = None
        self._failures_in_a_row = 0
        self._calls: deque[tuple[float, bool]] = deque()  # when, and whether it failed
        self._failed_calls = 0
        self._probes_needed = 1
        self._good_probes = 0
        self._backoff_exponent = 0

    @property
    def is_closed(self) -> bool:
        return self._closed_at is not None

    @property
    def generation(self) -> int:
        """Grows with each trip."""
        return self._generation

    def call_succeeded(self, generation: int, at: float) -> None:
        if self._counts(generation):
            self._failures_in_a_row = 0
            self._note(at, failed=False)

    def call_failed(self, generation: int, severity: Severity, at: float) -> bool:
        """Count a failed call. Returns True if this failure opened the circuit."""
        if not self._counts(generation) or severity is Severity.LOCAL:
            return False
        self._failures_in_a_row += 1
        self._note(at, failed=True)
        if severity is Severity.HARD or self._failures_in_a_row >= FAILURES_IN_A_ROW or self._is_half_failing():
            self._trip(at)
            return True
        return False

    def probe_succeeded(self, at: float) -> bool:
        """Count a good probe. Returns True if this one closed the circuit."""
        if self.is_closed:
            return False
        self._good_probes += 1
        if self._good_probes < self._probes_needed:
            return False
        self._closed_at = at
        self._failures_in_a_row = 0
        self._failed_calls = 0
        self._calls.clear()
        return True

    def probe_failed(self) -> None:
        """Start again to count good probes, and wait longer for the next."""
        if not self.is_closed:
            self._await_probes()

    def probe_delay_seconds(self, random: float) -> float:
        """How long to wait before the next probe. `random` is in [0, 1)."""
        if self._good_probes > 0:
            return SECONDS_BETWEEN_GOOD_PROBES
        if self._backoff_exponent == 0:
            return 0.0
        return PROBE_BACKOFF.delay(self._backoff_exponent, random)

    def _counts(self, generation: int) -> bool:
        return self.is_closed and generation == self._generation

    def _note(self, at: float, *, failed: bool) -> None:
        self._calls.append((at, failed))
        self._failed_calls += failed
        while self._calls[0][0] <= at - WINDOW_SECONDS:
            _, was_failed = self._calls.popleft()
            self._failed_calls -= was_failed

    def _is_half_failing(self) -> bool:
        calls = len(self._calls)
        return calls >= WINDOW_CALLS and self._failed_calls >= WINDOW_FAILURE_RATE * calls

    def _trip(self, at: float) -> None:
        if self._closed_at is not None and at - self._closed_at >= CALM_SECONDS:
            self._backoff_exponent = 0
        self._closed_at = None
        self._generation += 1
        self._await_probes()

    def _await_probes(self) -> None:
        self._good_probes = 0
        self._probes_needed = PROBES_AFTER_A_TRIP
        self._backoff_exponent += 1
