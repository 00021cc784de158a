"""Loudness and true peak (EBU R 128, ITU-R BS.1770), and the gain that brings an output to what is asked for.

The gain is the same for all of the sound. Where the peaks would then be too high, a limiter takes them down, and
nothing else does: quiet and loud passages stay as far apart as they were.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from worker.domain.declaration import Field
from worker.domain.errors import ErrorCode, PermanentError
from worker.domain.limits import Range

_PRINTED_DB = 0.05  # a measurement is rounded to a tenth
_TOLERANCE_LU = 0.3  # less than 0.5, because others measure a little differently
_LIMITER_DB = 0.5  # a limiter is set lower by this at first: resampling and encoding raise its peaks again
_LOWER_DB = 0.1  # the next step goes down by this more than the excess, so that its peak is surely low enough
_LEAST_LU = 0.1  # a step must come closer to the target by this; else the target is out of reach
_LEAST_SHARE = 0.15  # and by this share of what was missed; else more gain only compresses what is at the ceiling
_LOWEST_CEILING_DBTP = -24.0  # of the limiter
_STEPS_FOR_LOUDNESS = 6  # the steps after these lower the peak alone
_MAX_STEPS = 10


class PeakOutOfReachError(PermanentError):
    """No gain brings the true peak of an output as low as its `loudness` asks for."""

    def __init__(self, audio_format: str, max_true_peak_dbtp: float) -> None:
        limit = f"max_true_peak_dbtp ({max_true_peak_dbtp:g} dBTP)"
        super().__init__(f"no gain brings the true peak of the {audio_format} output down to {limit}")
        self.code = ErrorCode.CONVERTER_CRASHED  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured of a sound, to a tenth.

    `integrated_lufs` is None where nothing is above the gate of -70 LUFS, or the sound is shorter than a block of
    0.4 s (BS.1770-4, annex 1). `true_peak_dbtp` is None for silence.
    """

    integrated_lufs: float | None
    range_lu: float
    true_peak_dbtp: float | None


@dataclass(frozen=True, slots=True)
class LoudnessTarget:
    """The loudness that an output is to have, and the highest true peak."""

    target_lufs: Annotated[float, Field("Integrated loudness of the output, in LUFS.", Range(-70, -5))]
    max_true_peak_dbtp: Annotated[float, Field("The highest true peak of the output, in dBTP.", Range(-9, 0))] = -1.0


@dataclass(frozen=True, slots=True)
class Gain:
    """What is done to an output: a gain in dB, then a true-peak limiter, where it has a ceiling."""

    db: float
    ceiling_dbtp: float | None = None


def finite(value: float | None) -> float | None:
    """The value; None where JSON has no such number, or there is none."""
    return value if value is not None and math.isfinite(value) else None


class Levelling:
    """Finds the gain of one output: from the loudness before, then after each step from that of the encoded output.

    A true peak is kept in any case. A target that cannot be reached with it is missed by as little as is possible.
    """

    def __init__(self, target: LoudnessTarget, before: Loudness) -> None:
        """`before` is the loudness of what the output has of the source."""
        self.before = before
        self.after: Loudness | None = None  # of the last step
        self.gain: Gain | None = None  # of the next step; None leaves the output as it is
        self._target = target
        self._steps = 0
        self._missed_lu = math.inf  # by the last step; infinite where its peak was too high
        self._best_missed_lu = math.inf
        self._best: Gain | None = None  # of all steps whose peak was low enough
        self._is_last = False  # the next step, which is the best one again
        if before.integrated_lufs is not None:
            self.gain = self._with_ceiling(target.target_lufs - before.integrated_lufs)

    def judge(self, after: Loudness) -> bool:
        """Take what the output has become with `gain`. Returns True where it is done; else `gain` is the next to try.

        Raises ValueError where no gain brings the peak down.
        """
        self.after = after
        self._steps += 1
        if self.gain is None or after.integrated_lufs is None or after.true_peak_dbtp is None:
            return True
        excess_db = after.true_peak_dbtp + _PRINTED_DB - self._target.max_true_peak_dbtp
        missing_lu = self._target.target_lufs - after.integrated_lufs
        missed_lu = abs(missing_lu) if excess_db <= 0 else math.inf
        if missed_lu < self._best_missed_lu:
            self._best_missed_lu, self._best = missed_lu, self.gain
        if missed_lu <= _TOLERANCE_LU or (self._is_last and excess_db <= 0):
            return True
        if self._steps >= _MAX_STEPS or self._is_last or (excess_db <= 0 and self._is_out_of_reach(missed_lu)):
            return self._ended(missed_lu, after)
        self._missed_lu = missed_lu
        self.gain = self._next(self.gain, excess_db, missing_lu)
        return False

    def _ended(self, missed_lu: float, after: Loudness) -> bool:
        """Try no new step. Returns True where the last was the best; else `gain` is that of the best, made once more.

        Raises ValueError where no step kept the peak.
        """
        if self._best is None or self._is_last:
            raise ValueError(f"a true peak of {after.true_peak_dbtp} dBTP with {self.gain}")
        if missed_lu <= self._best_missed_lu + _LEAST_LU:
            return True
        self.gain, self._is_last = self._best, True
        return False

    def _is_out_of_reach(self, missed_lu: float) -> bool:
        """Whether more gain brings no more loudness."""
        if self._steps > _STEPS_FOR_LOUDNESS:
            return True
        if math.isinf(self._missed_lu):
            return False
        return self._missed_lu - missed_lu < max(_LEAST_LU, _LEAST_SHARE * self._missed_lu)

    def _next(self, last: Gain, excess_db: float, missing_lu: float) -> Gain:
        if self._steps > _STEPS_FOR_LOUDNESS:
            lower_db = excess_db + _LOWER_DB * self._steps
            return self._limited(last.db - lower_db, self._ceiling_of(last) - lower_db)
        gain = self._with_ceiling(last.db + missing_lu)
        if excess_db > 0:
            return self._limited(gain.db, min(self._ceiling_of(last), self._ceiling_of(gain)) - excess_db - _LOWER_DB)
        return gain if last.ceiling_dbtp is None else self._limited(gain.db, last.ceiling_dbtp)

    def _with_ceiling(self, gain_db: float) -> Gain:
        highest = self._target.max_true_peak_dbtp
        is_low = self._peak_with(gain_db) + _PRINTED_DB <= highest
        return Gain(gain_db) if is_low else self._limited(gain_db, highest - _LIMITER_DB)

    def _ceiling_of(self, gain: Gain) -> float:
        """The highest peak that reaches the encoder."""
        return self._peak_with(gain.db) if gain.ceiling_dbtp is None else gain.ceiling_dbtp

    def _peak_with(self, gain_db: float) -> float:
        return gain_db + (self.before.true_peak_dbtp or 0.0)

    def _limited(self, gain_db: float, ceiling_dbtp: float) -> Gain:
        return Gain(gain_db, max(ceiling_dbtp, _LOWEST_CEILING_DBTP))


@dataclass(frozen=True, slots=True)
class OutputLoudness:
    """What was measured, as the record has it: `before` in the source, `after` in the decoded output."""

    before_lufs: Annotated[
        float | None, Field("Before, in LUFS; null for silence and what is below the gate, which is left as it is.")
    ]
    after_lufs: Annotated[float | None, Field("Of the decoded output, in LUFS; null where there is none.")]
    after_true_peak_dbtp: Annotated[float | None, Field("Of the decoded output, in dBTP; null for silence.")]

    @classmethod
    def of(cls, before: Loudness, after: Loudness) -> OutputLoudness:
        """Numbers that are not finite become None."""
        return cls(finite(before.integrated_lufs), finite(after.integrated_lufs), finite(after.true_peak_dbtp))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any] | None) -> OutputLoudness | None:
        """Read what `to_dict` wrote. Raises KeyError or TypeError for anything else."""
        return None if data is None else cls(data["before_lufs"], data["after_lufs"], data["after_true_peak_dbtp"])
