"""Waveforms with ffmpeg: its filters print the lowest and the highest sample of each stretch, and are read here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path
from typing import BinaryIO

from worker.adapters.disk import NO_SPACE, LocalVolume
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.waveform import Point, Waveform
from worker.ports import Artifact

_FRAME = re.compile(rb"frame:(\d+) +pts:(-?\d+) ")
_LEVEL = re.compile(rb"lavfi\.astats\.\d+\.M(?:in|ax)_level=(-?\d+)\.0+\n")
_MAX_LINE_BYTES = 256
_MOST_INEXACT = 1  # points: where the source's format changes, the resampler may leave out a millisecond


def peak_filters(waveform: Waveform, rate_hz: int, layout: str | None, target_fd: int) -> list[str]:
    """The filters that print the peaks of an output at `rate_hz` to a descriptor. They come behind all its others.

    `layout` is that of its channels, None where they have no position.

    Each stretch becomes one frame. After it has been printed, frames are made large again: each costs a switch between
    threads.
    """
    return [
        f"aresample={rate_hz}",
        "aformat=sample_fmts=s16" + ("" if layout is None else f":channel_layouts={layout}"),
        f"asetnsamples=n={waveform.samples_per_point}:p=0",
        "astats=metadata=1:reset=1:measure_perchannel=Min_level+Max_level:measure_overall=none",
        rf"ametadata=mode=print:file=pipe\\:{target_fd}",
        "asetnsamples=n=4096:p=0",
    ]


def to_waveform(path: Path, encoding: Encoding, waveform: Waveform, seconds: float) -> Artifact:
    """Replace what the filters have printed into the file at `path` by the waveform. Blocks on disk I/O.

    Raises ConverterCrashedError where points are missing, WorkspaceFullError.
    """
    made = path.with_name(f"{path.name}.made")
    length = waveform.length(round(seconds * encoding.sample_rate_hz))
    try:
        with path.open("rb") as printed, made.open("wb") as file:
            points = _points(printed, encoding.channels, waveform.samples_per_point)
            blocks = waveform.written(
                _exactly(length, points), length=length, channels=encoding.channels, rate_hz=encoding.sample_rate_hz
            )
            file.writelines(blocks)
        made.replace(path)
    except OSError as exc:
        if exc.errno in NO_SPACE:
            raise LocalVolume().full_error(path.parent) from exc
        raise
    finally:
        made.unlink(missing_ok=True)
    return Artifact(path, seconds, 0, path.stat().st_size)


def _exactly(length: int, points: Iterator[Point]) -> Iterator[Point]:
    """The points, made `length` by leaving one out or adding one where a change of format has cost one.

    Raises ConverterCrashedError where their number differs by more.
    """
    count = 0
    last: Point = ()
    for last in islice(points, length):
        count += 1
        yield last
    lacking, beyond = length - count, sum(1 for _ in islice(points, _MOST_INEXACT + 1))
    if max(lacking, beyond) > _MOST_INEXACT or not count:
        raise ConverterCrashedError("the waveform output is not complete")
    yield from repeat([0] * len(last), lacking)


def _points(printed: BinaryIO, channels: int, samples_per_point: int) -> Iterator[Point]:
    """The points in their order.

    Where the source's format changes on the way, the filters begin anew, and the frames are counted anew: the clock
    says which point is the next. A point that is in both stretches is made of both.
    """
    point: list[int] = []
    place = 0
    for number, clock, levels in _frames(printed, channels):
        if not point:
            point = levels
            continue
        next_place = place + 1 if number else max(place, round(clock / samples_per_point))
        if next_place == place:
            point = [
                min(pair) if index % 2 == 0 else max(pair)
                for index, pair in enumerate(zip(point, levels, strict=True))
            ]
            continue
        yield point
        yield from repeat([0] * len(levels), next_place - place - 1)
        point, place = levels, next_place
    if point:
        yield point


def _frames(printed: BinaryIO, channels: int) -> Iterator[tuple[int, int, list[int]]]:
    """Of each frame its number, its place on the clock in samples, and what was printed of it."""
    lines = iter(lambda: printed.readline(_MAX_LINE_BYTES), b"")  # a compromised converter may write lines without end
    for line in lines:
        frame = _FRAME.match(line)
        levels = [match[1] for each in islice(lines, 2 * channels) if (match := _LEVEL.fullmatch(each))]
        if frame is None or len(levels) != 2 * channels:
            raise ConverterCrashedError("the waveform output cannot be read")
        yield int(frame[1]), int(frame[2]), list(map(int, levels))
