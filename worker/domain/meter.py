"""How far a job is, in percent and seconds left, from what its three stages have done.

Each stage weighs what it is expected to take: bytes over the speeds that this worker has seen, audio over the cost of
its encoders. So the bar moves at an even pace, whether the job is a huge download or a long encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.domain.audio import FORMATS
from worker.domain.cutting import seconds_of
from worker.domain.job import OutputSpec
from worker.domain.progress import HIGHEST_BEFORE_THE_END, Stage

_DECODING_COST = 0.06  # in the unit of FormatSpec.encoding_cost
_MEASURING_COST = 0.26  # of loudness, in the source and in the output
_JOINING_COST = 0.1  # of a source that is decoded to samples, which are read again
_TRIMMING_COST = 0.45  # of the search for the ends of silence
_START_SECONDS = 0.04  # two short processes
_CALL_SECONDS = 0.01  # one request to S3
_LEARNING_RATE = 0.3


@dataclass(slots=True)
class Speeds:
    """What this worker has seen so far, an average in which the newest weighs most."""

    download_bytes_per_second: float = 60e6
    upload_bytes_per_second: float = 40e6
    conversion_slowness: float = 1.0  # real seconds over expected ones

    def expected_download(self, size_bytes: int) -> float:
        return _CALL_SECONDS + size_bytes / self.download_bytes_per_second

    def expected_upload(self, size_bytes: int, objects: int) -> float:
        return _CALL_SECONDS * objects + size_bytes / self.upload_bytes_per_second

    def expected_conversion(self, source_seconds: float, outputs: Sequence[OutputSpec]) -> float:
        """How long it should take. Encoders run side by side: the dearest sets the pace, and the sum fills two cores.

        All of the source is decoded, once in each pass over it; only what an output has of it is encoded.
        """
        shares = [(each, seconds_of(each, source_seconds)) for output in outputs for each in output.renditions]
        encoding = [FORMATS[each.format].encoding_cost * seconds for each, seconds in shares]
        examining = sum(_TRIMMING_COST * seconds for each, seconds in shares if each.trim_silence is not None)
        examining += sum(2 * _MEASURING_COST * seconds for each, seconds in shares if each.loudness is not None)
        passes = 1 + any(each.trim_silence for each in outputs) + any(each.loudness for each in outputs)
        cost = passes * _DECODING_COST * source_seconds + max(*encoding, sum(encoding) / 2) + examining
        return (_START_SECONDS + cost / 60) * self.conversion_slowness

    def expected_joining(self, source_seconds: float, sources: int) -> float:
        """How long it should take to join so many sources, which play for so long together."""
        return (_START_SECONDS * sources + _JOINING_COST * source_seconds / 60) * self.conversion_slowness

    def learn_download(self, size_bytes: int, seconds: float) -> None:
        self.download_bytes_per_second = _learned(self.download_bytes_per_second, size_bytes, seconds)

    def learn_upload(self, size_bytes: int, seconds: float) -> None:
        self.upload_bytes_per_second = _learned(self.upload_bytes_per_second, size_bytes, seconds)

    def learn_conversion(self, expected_seconds: float, seconds: float) -> None:
        slowness = self.conversion_slowness * seconds / expected_seconds
        self.conversion_slowness += _LEARNING_RATE * (slowness - self.conversion_slowness)


def _learned(speed: float, size_bytes: int, seconds: float) -> float:
    # Small objects measure the latency of a call, not a speed.
    if size_bytes < 1 << 20 or seconds <= 0:
        return speed
    return speed + _LEARNING_RATE * (size_bytes / seconds - speed)


@dataclass(slots=True)
class _Part:
    expected_seconds: float = 0.0
    done: float = 0.0  # 0 to 1
    started_at: float | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Meter:
    """One job's progress. Times are seconds of any steady clock, given by the caller."""

    _parts: dict[Stage, _Part] = field(default_factory=lambda: {stage: _Part() for stage in Stage})
    _percent: float = 0.0

    def expect(self, stage: Stage, seconds: float) -> None:
        """Say how long a stage should take, as soon as that is known, and again when it is known better."""
        self._parts[stage].expected_seconds = max(seconds, 1e-3)

    def expected_seconds(self, stage: Stage) -> float:
        return self._parts[stage].expected_seconds

    def advance(self, stage: Stage, fraction: float, now: float) -> None:
        """Note that a stage has done `fraction` (0 to 1) of its work. A lower one than before is ignored."""
        part = self._parts[stage]
        if part.started_at is None:
            part.started_at = now
        part.done = max(part.done, min(fraction, 1.0))
        part.seconds = now - part.started_at

    def postpone(self, seconds: float) -> None:
        """Note that nothing was done for so long, on purpose: the time does not count for any stage."""
        for part in self._parts.values():
            if part.started_at is not None:
                part.started_at += seconds

    @property
    def percent(self) -> float:
        """0 to 99.9, to one decimal; never lower than it was."""
        total = sum(part.expected_seconds for part in self._parts.values())
        if total > 0:
            done = sum(part.expected_seconds * part.done for part in self._parts.values())
            self._percent = max(self._percent, min(round(100 * done / total, 1), HIGHEST_BEFORE_THE_END))
        return self._percent

    @property
    def eta_seconds(self) -> float | None:
        """Seconds left: a stage under way by its own pace, the others as expected. None before anything is known."""
        if not any(part.expected_seconds for part in self._parts.values()):
            return None
        return round(sum(_remaining(part) for part in self._parts.values()), 1)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """How long each stage has taken, to the millisecond."""
        return {stage.value: round(part.seconds, 3) for stage, part in self._parts.items()}


def _remaining(part: _Part) -> float:
    pace_is_known = part.done > 0.02 and part.seconds > 1
    whole = part.seconds / part.done if pace_is_known else part.expected_seconds
    return whole * (1 - part.done)
