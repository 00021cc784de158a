"""Silence that is left out at both ends of an output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from worker.domain.declaration import Field
from worker.domain.limits import Range

_MOST_SECONDS = 10_000_000  # more than any source has


@dataclass(frozen=True, slots=True)
class TrimSilence:
    """What is silence, and how much of it stays."""

    threshold_db: Annotated[
        float, Field("The level above which a sample of any channel is sound, in dBFS.", Range(-90, -10))
    ] = -50.0
    keep_seconds: Annotated[
        float,
        Field("How much silence stays before and behind the sound, if there is as much.", Range(0, _MOST_SECONDS)),
    ] = 0.1

    @property
    def threshold(self) -> float:
        """The threshold as a magnitude, where full scale is 1."""
        return math.pow(10, self.threshold_db / 20)
