"""The progress of a conversion that takes several passes over its sound."""

from __future__ import annotations

from worker.ports import ConversionProgress, SourceAudio


class Passes:
    """Gives each pass a part of the whole progress. How many there will be need not be known."""

    def __init__(self, whole: ConversionProgress, audio: SourceAudio) -> None:
        self._whole = whole
        self._audio = audio
        self._begun = 0.0

    def next(self, share: float, audio: SourceAudio | None = None) -> ConversionProgress:
        """The progress of the next pass: `share` (0 to 1) of what is left of the whole.

        `audio` is what the pass reads, where that is not the source. A share of 1 completes the whole.
        """
        begin = self._begun
        self._begun += (1.0 - begin) * share
        if audio is None and (begin, self._begun) == (0.0, 1.0):
            return self._whole
        return _PassProgress(self._whole, self._audio, audio or self._audio, begin, self._begun)


class _PassProgress(ConversionProgress):
    """The progress of a pass over `own`, which moves that of the whole from `begin` to `end` (0 to 1)."""

    def __init__(
        self, whole: ConversionProgress, audio: SourceAudio, own: SourceAudio, begin: float, end: float
    ) -> None:
        self._whole, self._audio, self._own = whole, audio, own
        self._begin, self._end = begin, end
        self._seconds = 0.0
        self._bytes: int | None = None
        super().__init__()

    @property
    def seconds_done(self) -> float:
        return self._seconds

    @seconds_done.setter
    def seconds_done(self, seconds: float) -> None:
        self._seconds = seconds
        if self._own.duration_seconds and seconds:
            self._advance(seconds / self._own.duration_seconds)

    @property
    def bytes_read(self) -> int | None:
        return self._bytes

    @bytes_read.setter
    def bytes_read(self, size: int | None) -> None:
        self._bytes = size
        if size and not self._own.duration_seconds:
            self._advance(size / self._own.size_bytes)

    def _advance(self, fraction: float) -> None:
        done = self._begin + (self._end - self._begin) * min(fraction, 1.0)
        if self._audio.duration_seconds:
            self._whole.seconds_done = done * self._audio.duration_seconds
        else:
            self._whole.bytes_read = int(done * self._audio.size_bytes)
