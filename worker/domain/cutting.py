"""Which part of the source an output has, and how it begins and ends: to the sample, at the source's rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec

_ROUNDED_SECONDS = 0.001  # an end that was read from a record is rounded to that
_DOUBT_SECONDS = 1.0  # the lengths that headers state differ by less from what is decoded


@dataclass(frozen=True, slots=True)
class Cut:
    """From `start_seconds` to `end_seconds` of the source (None: its end), faded in and out."""

    start_seconds: float = 0.0
    end_seconds: float | None = None
    fade_in_seconds: float = 0.0
    fade_out_seconds: float = 0.0

    def seconds_of(self, source_seconds: float) -> float:
        """How long the output of a source of so many seconds is."""
        end = source_seconds if self.end_seconds is None else min(self.end_seconds, source_seconds)
        return max(0.0, end - self.start_seconds)

    def needs_length(self, stated_seconds: float | None) -> bool:
        """Whether the source has to be decoded first, to know how long it is."""
        if stated_seconds is None or (self.fade_out_seconds and self.end_seconds is None):
            return True
        last = self.start_seconds + self.fade_in_seconds if self.end_seconds is None else self.end_seconds
        return last > stated_seconds - _DOUBT_SECONDS

    def within(self, source_seconds: float, path: str) -> Cut:
        """The same cut of a source of exactly that length. Raises InvalidMessageError where it is beyond the end.

        `path` is that of the output in its message.
        """
        length = f"is beyond the end of the source, which has {source_seconds:.3f} s"
        if self.end_seconds is not None and self.end_seconds > source_seconds + _ROUNDED_SECONDS:
            raise InvalidMessageError(f"{path}.end_seconds", length)
        if self.start_seconds >= source_seconds:
            raise InvalidMessageError(f"{path}.start_seconds", length)
        return replace(self, end_seconds=min(self.end_seconds or source_seconds, source_seconds))


def cut_of(spec: OutputSpec) -> Cut | None:
    """The cut of an output; None where it has all of the source as it is."""
    cut = Cut(spec.start_seconds or 0.0, spec.end_seconds, spec.fade_in_seconds or 0.0, spec.fade_out_seconds or 0.0)
    return None if cut == Cut() else cut


def seconds_of(spec: OutputSpec, source_seconds: float) -> float:
    """How long the output of a source of so many seconds is, as far as its options say that."""
    cut = cut_of(spec)
    return source_seconds if cut is None else cut.seconds_of(source_seconds)
