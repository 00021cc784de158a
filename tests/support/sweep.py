"""A tone that rises at a steady rate, so that its frequency says which moment of it is heard.

So a judge can find out, also after a lossy codec, which part of the source is missing, repeated or out of place.
"""

from __future__ import annotations

import io
import math
import re
import wave
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

SECONDS = 3.0
_LOWEST_HZ = 400.0
_RISE_HZ = 800.0  # a second; 2800 Hz at the end, which telephone codecs still carry
_AMPLITUDE = 16_000
_WINDOW_SECONDS = 0.025
_SILENT = 600  # of 32768: codecs' noise is below it
_ABOVE_ZERO = bytes(0 if high < 128 else 1 for high in range(256))  # by the high byte of a sample
_RISING = re.compile(b"\x00(?=\x01)")
_NEAR_SECONDS = 0.04  # the error of a measured place: one window at 8 kHz gives it to 0.03 s


@cache
def sweep_wav(rate_hz: int) -> bytes:
    """The sound as a WAV of 16 bits, the same in both channels."""
    samples = array("h")
    for number in range(int(SECONDS * rate_hz)):
        at = number / rate_hz
        value = round(_AMPLITUDE * math.sin(2 * math.pi * (_LOWEST_HZ * at + _RISE_HZ * at * at / 2)))
        samples.extend((value, value))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class HeardSweep:
    """What is heard in a decoded file: for each window the place in the source, in seconds, or None for silence."""

    places: tuple[float | None, ...]
    seconds: float
    is_clean: bool = True  # the decoder had nothing to complain of

    def missing_from(self, other: HeardSweep, *, at_least: float) -> list[tuple[float, float]]:
        """The stretches of the source that the other has and this has not, from a length of `at_least` seconds."""
        mine, theirs = self._sorted(), other._sorted()
        lost = [place for place in theirs if not _is_near(mine, place)]
        return [(begin, end) for begin, end in _stretches(lost) if end - begin >= at_least]

    def misplaced_seconds(self) -> float:
        """How much is heard at another time than its own."""
        moved = [
            place
            for number, place in enumerate(self.places)
            if place is not None and abs(place - (number + 0.5) * _WINDOW_SECONDS) > 3 * _NEAR_SECONDS
        ]
        return len(moved) * _WINDOW_SECONDS

    def _sorted(self) -> list[float]:
        return sorted(place for place in self.places if place is not None)


def hear_sweep(samples: array[int], rate_hz: int, *, is_clean: bool = True) -> HeardSweep:
    """Find out what is heard in one channel's samples of 16 bits."""
    signs = samples.tobytes()[1::2].translate(_ABOVE_ZERO)
    crossings = [match.start() for match in _RISING.finditer(signs)]
    step = round(_WINDOW_SECONDS * rate_hz)
    places = [
        _place(samples[begin : begin + step], _between(crossings, begin, begin + step), rate_hz)
        for begin in range(0, len(samples) - step + 1, step)
    ]
    return HeardSweep(tuple(places), len(samples) / rate_hz, is_clean)


WHOLE = HeardSweep(
    tuple((number + 0.5) * _WINDOW_SECONDS for number in range(int(SECONDS / _WINDOW_SECONDS))), SECONDS
)


def _between(sorted_values: Sequence[int], begin: int, end: int) -> Sequence[int]:
    return sorted_values[bisect_left(sorted_values, begin) : bisect_left(sorted_values, end)]


def _place(window: Sequence[int], crossings: Sequence[int], rate_hz: int) -> float | None:
    if max(window) < _SILENT or len(crossings) < 3:
        return None
    frequency = (len(crossings) - 1) * rate_hz / (crossings[-1] - crossings[0])
    return (frequency - _LOWEST_HZ) / _RISE_HZ


def _is_near(sorted_places: Sequence[float], place: float) -> bool:
    index = bisect_left(sorted_places, place - _NEAR_SECONDS)
    return index < len(sorted_places) and sorted_places[index] <= place + _NEAR_SECONDS


def _stretches(places: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Places in ascending order, joined where no more than a window lies between them."""
    begin = end = None
    for place in places:
        if not 0 <= place <= SECONDS:
            continue
        if end is not None and begin is not None and place - end > 2 * _WINDOW_SECONDS:
            yield begin, end + _WINDOW_SECONDS
            begin = None
        begin, end = place if begin is None else begin, place
    if begin is not None and end is not None:
        yield begin, end + _WINDOW_SECONDS
