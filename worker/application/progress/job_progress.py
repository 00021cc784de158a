"""How far a running job is: its stages write it; the reporter, the stall watch and the drain read it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from worker.domain.meter import Meter, Speeds
from worker.domain.progress import Stage
from worker.domain.source_format import SourceFormat
from worker.ports import ConversionProgress, SourceAudio


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job's progress at one moment. `eta_seconds` and `source_audio` are None as long as nothing is known."""

    stage: Stage
    percent: float
    eta_seconds: float | None
    source_audio: SourceFormat | None = None


@dataclass(slots=True)
class Period:
    """When a stage was worked on, in loop time; `ended_at` is None while it is."""

    stage: Stage
    begun_at: float
    ended_at: float | None = None


class JobProgress:
    """The progress of one attempt at a job.

    It calls nobody when it changes: each reader takes a snapshot at its own pace. The position of a running
    converter is read at the same moments. `periods` has each stage as often as it was done.
    """

    def __init__(self, speeds: Speeds) -> None:
        self.meter = Meter()
        self.speeds = speeds
        self.source_bytes = 0
        self.output_bytes = 0
        self.audio_seconds: float | None = None
        self.source_codec: str | None = None
        self._source_audio: SourceFormat | None = None
        self.periods: list[Period] = []
        self._stage = self._furthest = Stage.DOWNLOADING
        self._done: set[Stage] = set()
        self._conversion: _Position | None = None
        self._encoders = 1.0  # how many the expectation of the stage's length is for
        self._snapshot: Snapshot | None = None  # until the job moves
        self._began_at = self._moved_at = self._now()
        self._waited_seconds = 0.0  # until it last began to work
        self._waits_since: float | None = None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # --- written by the stages -----------------------------------------------------------------------------------

    def enter(self, stage: Stage) -> None:
        """Begin a stage. One that is done again is not measured again, and the furthest stage stays the one shown."""
        self._end_period()
        self.periods.append(Period(stage, self._now()))
        self._stage = stage
        self._furthest = max(self._furthest, stage, key=list(Stage).index)
        self.advance(0.0)

    def advance(self, fraction: float) -> None:
        """Note that the stage has done `fraction` (0 to 1) of its work."""
        self._moved_at = self._now()
        self._snapshot = None
        if self._stage not in self._done:
            self.meter.advance(self._stage, fraction, self._moved_at)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, the job waits until it may go on: that is no stall, and no part of the time that it takes."""
        self._end_period()
        self._waits_since = began_at = self._now()
        try:
            yield
        finally:
            self._moved_at = self._now()
            self._waits_since = None
            self._waited_seconds += self._moved_at - began_at
            self.meter.postpone(self._moved_at - began_at)

    def follow(
        self, conversion: ConversionProgress, audio: SourceAudio, *, since: float = 0.0, until: float = 1.0
    ) -> None:
        """Until the stage ends, `conversion` says how much of `audio` is done.

        It is the part of the stage from `since` to `until` (0 to 1). What was predicted of the source is shown once
        the converter has said the same.
        """
        self.source_codec = audio.format.codec
        self._conversion = _Position(conversion, audio, since, until)
        if not audio.is_predicted:
            self.know_source(audio.format)

    def know_source(self, source_audio: SourceFormat) -> None:
        """Note what the source is, once the converter has read it."""
        self._source_audio = source_audio
        self._snapshot = None

    def leave(self) -> float:
        """End the stage. Returns the seconds that it took."""
        self._expect_encoders()
        self._end_period()
        self._conversion = None
        self.advance(1.0)
        self._done.add(self._stage)
        return self.meter.stage_seconds[self._stage.value]

    def _end_period(self) -> None:
        if self.periods and self.periods[-1].ended_at is None:
            self.periods[-1].ended_at = self._now()

    # --- read at any time ----------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The progress as it was when the job last moved."""
        self._pull()
        if self._snapshot is None:
            self._snapshot = Snapshot(self._furthest, self.meter.percent, self.meter.eta_seconds, self._source_audio)
        return self._snapshot

    @property
    def eta_seconds(self) -> float | None:
        """Seconds left, by the job's own estimate; None as long as nothing is known, infinite while it waits."""
        return self.snapshot().eta_seconds if self._waits_since is None else math.inf

    @property
    def moved_at(self) -> float:
        """Loop time at which progress was last seen. The position of a converter is read here."""
        self._pull()
        return self._moved_at if self._waits_since is None else self._now()

    @property
    def worked_since(self) -> float:
        """Loop time of the attempt's beginning, put off by all time spent waiting. The job timeout counts from it."""
        waits_for = 0.0 if self._waits_since is None else self._now() - self._waits_since
        return self._began_at + self._waited_seconds + waits_for

    def measured(self) -> dict[str, Any]:
        """The fields of the log lines that say how long an attempt took and how much it worked on."""
        return {
            "duration_seconds": round(self._now() - self._began_at, 3),
            "stage_seconds": self.meter.stage_seconds,
            "source_codec": self.source_codec,
            "source_bytes": self.source_bytes,
            "output_bytes": self.output_bytes,
            "audio_seconds": None if self.audio_seconds is None else round(self.audio_seconds, 3),
        }

    def _pull(self) -> None:
        self._expect_encoders()
        if self._conversion is not None and (fraction := self._conversion.news()) is not None:
            self.know_source(self._conversion.audio.format)  # it is converted, so a prediction was right
            self.advance(fraction)

    def _expect_encoders(self) -> None:
        """Fit the expected length of the stage to the number of encoders that share the sound."""
        if self._conversion is not None:
            encoders, before = self._conversion.encoders, self._encoders
            if encoders != before:
                expected = self.meter.expected_seconds(Stage.CONVERTING)
                self.meter.expect(Stage.CONVERTING, expected * before / encoders)
                self._encoders = encoders


class _Position:
    """How much of a source a running converter has done, and whether that has changed."""

    def __init__(self, conversion: ConversionProgress, audio: SourceAudio, since: float, until: float) -> None:
        self._conversion = conversion
        self._since, self._until = since, until
        self.audio = audio
        self._seen = (conversion.seconds_done, conversion.bytes_read)

    @property
    def encoders(self) -> float:
        return self._conversion.encoders

    def news(self) -> float | None:
        """The fraction of the stage that is done; None where nothing has changed since the last call."""
        seen = (self._conversion.seconds_done, self._conversion.bytes_read)
        if seen == self._seen:
            return None
        self._seen = seen
        if self.audio.duration_seconds:
            done = self._conversion.seconds_done / self.audio.duration_seconds
        elif self._conversion.bytes_read is not None:
            done = self._conversion.bytes_read / self.audio.size_bytes
        else:
            return None
        return self._since + (self._until - self._since) * min(done, 1.0)
