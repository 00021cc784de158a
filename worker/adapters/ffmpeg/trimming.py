"""Finds the first and the last sample of an output that are no silence, to the sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from worker.adapters.ffmpeg.filters import Analysis
from worker.adapters.ffmpeg.log import Log
from worker.domain.cutting import Cut
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.trimming import TrimSilence

# ffmpeg's own detector prints each silence, of which a source may have millions. These two filters print two values.
# The first filter replaces each sample that is no silence by its time in the first channel, and by its negative time
# in the second. The second filter prints the highest value of each channel: the time of the last such sample, and the
# negative time of the first.
_NAME = "astats@silence{number}"
_TIMES = "aeval=exprs='if(gt({level},{threshold:.9f}),t,-1)|if(gt({level},{threshold:.9f}),-t,-1e9)':c=stereo"
_HIGHEST = _NAME + "=measure_perchannel=Max_level:measure_overall=none"
_CHANNEL = re.compile(r"Channel: ([12])")
_LEVEL = re.compile(r"Max level: (-?\d+\.\d+)")


def searches_for_sound(encodings: Sequence[Encoding]) -> list[Analysis]:
    """The analyses that find the first and the last sound of each output whose silence is to be trimmed."""
    return [
        _search(encoding, encoding.trim, number)
        for number, encoding in enumerate(encodings)
        if encoding.trim is not None
    ]


def trimmed(encodings: Sequence[Encoding], log: Log, *, rate_hz: int, source_seconds: float) -> list[Encoding]:
    """The outputs, each cut to what its search has found. Where all of it is silence, it stays as it is.

    Raises ConverterCrashedError where a search has said nothing.
    """
    return [
        encoding
        if encoding.trim is None
        else _trimmed(encoding, encoding.trim, _highest(log, number), 1 / rate_hz, source_seconds)
        for number, encoding in enumerate(encodings)
    ]


def _search(encoding: Encoding, trim: TrimSilence, number: int) -> Analysis:
    level = "abs(val(0))"
    for channel in range(1, encoding.channels):
        level = f"max({level},abs(val({channel})))"
    unfaded = None if encoding.cut is None else Cut(encoding.cut.start_seconds, encoding.cut.end_seconds)
    filters = _TIMES.format(level=level, threshold=trim.threshold), _HIGHEST.format(number=number)
    return Analysis(replace(encoding, cut=unfaded), filters)


def _trimmed(
    encoding: Encoding, trim: TrimSilence, highest: tuple[float, float], sample_seconds: float, source_seconds: float
) -> Encoding:
    last, before_zero = highest
    if last < 0:
        return encoding
    cut = encoding.cut or Cut()
    begin = cut.start_seconds - before_zero - trim.keep_seconds
    end = cut.start_seconds + last + sample_seconds + trim.keep_seconds
    last_end = source_seconds if cut.end_seconds is None else cut.end_seconds
    start_seconds, end_seconds = max(cut.start_seconds, begin), min(last_end, end)
    return replace(encoding, cut=replace(cut, start_seconds=start_seconds, end_seconds=end_seconds))


def _highest(log: Log, number: int) -> tuple[float, float]:
    """The highest value of each channel, over all stretches of a source whose format changes on the way."""
    highest: dict[str, float] = {}
    channel = ""
    for line in log.said.get(_NAME.format(number=number), ()):
        if found := _CHANNEL.fullmatch(line):
            channel = found[1]
        elif level := _LEVEL.fullmatch(line):
            highest[channel] = max(float(level[1]), highest.get(channel, float(level[1])))
    if set(highest) != {"1", "2"}:
        raise ConverterCrashedError("the converter ended without the place of the sound")
    return highest["1"], highest["2"]
