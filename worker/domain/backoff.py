"""Growing delays with randomness in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delays under a cap, in seconds.

    `floor` is the part of a delay that is not random: 0 is "full jitter", 0.5 "equal jitter"
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    first_seconds: float
    factor: float
    cap_seconds: float
    floor: float = 0.0

    def delay(self, attempt: int, random: float) -> float:
        """The delay after the `attempt`-th failure in a row (from 1). `random` is in [0, 1)."""
        # The exponent is bounded so that a streak of a million failures cannot overflow a float.
        ceiling = min(self.cap_seconds, self.first_seconds * self.factor ** min(attempt - 1, 64))
        return ceiling * (self.floor + (1 - self.floor) * random)
