"""Several sources that become one sound: what is taken of each, in which form they are joined, how they overlap."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Protocol

from worker.domain.declaration import Field
from worker.domain.errors import (
    ConverterAlwaysFailsError,
    ConverterCrashedError,
    InvalidMessageError,
    NoAudioError,
    StalledError,
    UnsupportedAudioError,
)
from worker.domain.limits import Range
from worker.domain.location import ObjectLocation

MAX_SOURCES = 16
CROSSFADE_SECONDS = Range(0, 60)
_SECONDS = Range(0, 10_000_000)  # more than any source has
_SAMPLE_BYTES = 4
# Of one crossfade, in all channels: 60 s of 8 channels at 192 kHz. They take most of a minute to mix.
MAX_CROSSED_SAMPLES = 60 * 192_000 * 8
_OF_A_SOURCE = (
    UnsupportedAudioError,
    NoAudioError,
    StalledError,
    ConverterCrashedError,
    ConverterAlwaysFailsError,
)


@dataclass(frozen=True, slots=True)
class SourcePart:
    """One source of those that are joined, and what is taken of it."""

    source: Annotated[ObjectLocation, Field("What is joined to the others, as s3://bucket/key.")]
    start_seconds: Annotated[
        float | None,
        Field("Where in the source the part begins, to the sample; by default at its beginning.", _SECONDS),
    ] = None
    end_seconds: Annotated[
        float | None,
        Field(
            "Where in the source the part ends, to the sample; above `start_seconds`, and by default at its end.",
            _SECONDS,
        ),
    ] = None

    @property
    def is_whole(self) -> bool:
        return not self.start_seconds and self.end_seconds is None


class Sound(Protocol):
    """What has to be known of a source to join it to others."""

    @property
    def codec(self) -> str:
        """The converter's name of it."""

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def bits_per_sample(self) -> int | None: ...

    @property
    def layout(self) -> str:
        """The layout of the channels, by the converter's name."""


@dataclass(frozen=True, slots=True)
class SampleForm:
    """Plain samples in which sources are joined: floats of 32 bits, which hold whole numbers of 24 bits exactly."""

    rate_hz: int
    channels: int
    layout: str

    @property
    def frame_bytes(self) -> int:
        """The bytes of one sample of each channel."""
        return _SAMPLE_BYTES * self.channels

    def bytes_of(self, seconds: float) -> int:
        return round(seconds * self.rate_hz) * self.frame_bytes


def common_form(sounds: Sequence[Sound]) -> SampleForm:
    """The form with the highest rate of all, and the channels of the first source with the most: nothing is lost."""
    widest = max(sounds, key=lambda sound: sound.channels)
    return SampleForm(max(sound.sample_rate_hz for sound in sounds), widest.channels, widest.layout)


@dataclass(frozen=True, slots=True)
class Crossfade:
    """How many frames of each part are heard together with the one before it; 0 for none."""

    frames: int

    def frames_of(self, number: int, parts: int) -> int:
        """How many frames of a part are in its crossfades, at both of its ends."""
        return self.frames * ((number > 0) + (number < parts - 1))

    def check_size(self, form: SampleForm) -> None:
        """Raise InvalidMessageError where it has more samples than can be mixed in a reasonable time."""
        if self.frames * form.channels > MAX_CROSSED_SAMPLES:
            longest = math.floor(MAX_CROSSED_SAMPLES / form.channels / form.rate_hz)
            of = f"{form.rate_hz} Hz and {form.channels} channels"
            raise InvalidMessageError("crossfade_seconds", f"is at most {longest} for sources of {of}")

    def check(self, number: int, parts: int, frames: int, rate_hz: int) -> None:
        """Raise InvalidMessageError where a part of so many frames is not longer than its crossfades."""
        crossed = self.frames_of(number, parts)
        if crossed and frames <= crossed:
            lengths = f"{frames / rate_hz:.3f} s, and its crossfades take {crossed / rate_hz:.3f} s"
            raise InvalidMessageError("crossfade_seconds", f"source[{number}] has {lengths}")

    def mixed(self, ending: bytes, beginning: bytes, channels: int, done: int) -> bytes:
        """The mix of some frames of the crossfade, `done` frames after its beginning. Samples are floats of 32 bits.

        The one sound falls and the other rises evenly, and their shares add up to 1: what is the same in both is kept.
        """
        gone, coming = array("f", ending), array("f", beginning)
        step = 1 / (self.frames * channels)
        place = (done * channels + channels / 2) * step
        weights = (place + (at - at % channels) * step for at in range(len(gone)))
        return array("f", (a + (b - a) * weight for a, b, weight in zip(gone, coming, weights, strict=True))).tobytes()


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Put the name of the source into errors about it inside the `with`: there are several."""
    try:
        yield
    except _OF_A_SOURCE as error:
        error.args = (f"{source}: {error}",)
        raise
