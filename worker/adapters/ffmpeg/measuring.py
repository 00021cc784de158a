"""Measures loudness and true peak with ffmpeg's filter `ebur128`, which ends with a summary in the log."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from worker.adapters.ffmpeg.filters import Analysis
from worker.adapters.ffmpeg.log import Log
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.loudness import Loudness

# At its level the filter prints the loudness every 0.1 s: without that, its summary is all that it says.
_FILTER = "ebur128@loudness{number}=peak=true:framelog=quiet"
_NAME = "ebur128@loudness{number}"
_GATE_LUFS = -70.0  # what the filter says where nothing is above it
# It counts no block as louder than 10 LUFS (ABS_UP_THRES in f_ebur128.c). Recordings with lower peaks have none.
_HIGHEST_PEAK_DBTP = 6.0
# Each value stands below its heading. A summary has no end of its own: another part's words may follow, which begin
# with a colour, or with the description of an output. Tags are described with a colon behind their name.
_VALUE_BELOW = {"  Integrated loudness:": "I", "  Loudness range:": "LRA", "  True peak:": "Peak"}
_VALUE = re.compile(r"    (I|LRA|Peak): +(-?\d+\.\d|-?inf|nan) (?:LUFS|LU|dBFS)(?:(?:\x1b|Output #).*)?")

# Decodes a source once, and returns what the analyses have said.
Analyse = Callable[[Sequence[Analysis]], Awaitable[Log]]


def loudness_analysis(encoding: Encoding | None, number: int, gain_db: float = 0.0) -> Analysis:
    """The analysis that measures the loudness of what an output has of the source (None: all of the source).

    `number` is its own among the analyses of a run.
    """
    gain = (f"volume={gain_db:.1f}dB:precision=double",) if gain_db else ()
    return Analysis(encoding, (*gain, _FILTER.format(number=number)))


async def within_scale(
    measured: Mapping[int, tuple[Encoding | None, Loudness]], analyse: Analyse
) -> dict[int, Loudness]:
    """The loudness by the number of the analysis; measured once more where the sound is beyond the filter's scale.

    So are floating-point samples with the values of integers. Behind a gain that brings their peak to 0 dBTP they are
    within it. Raises what `analyse` raises.
    """
    found = {number: loudness for number, (_, loudness) in measured.items()}
    peaks = {number: each.true_peak_dbtp or 0.0 for number, each in found.items()}
    beyond = {number: peak for number, peak in peaks.items() if peak > _HIGHEST_PEAK_DBTP}
    if beyond:
        log = await analyse([loudness_analysis(measured[number][0], number, -peak) for number, peak in beyond.items()])
        for number, peak in beyond.items():
            again = read_loudness(log, number)
            if again.integrated_lufs is not None:  # else the peak is alone, and all else below the gate
                lufs = round(again.integrated_lufs + peak, 1)
                found[number] = replace(found[number], integrated_lufs=lufs, range_lu=again.range_lu)
    return found


def read_loudness(log: Log, number: int) -> Loudness:
    """What the analysis of that number has measured. Raises ConverterCrashedError where it has said nothing.

    Where the source's format changes on the way, each stretch is measured by itself: the loudest one counts.
    """
    values: dict[str, list[float]] = {"I": [], "LRA": [], "Peak": []}
    for heading, line in pairwise(log.said.get(_NAME.format(number=number), ())):
        match = _VALUE.fullmatch(line)
        if match and match[1] == _VALUE_BELOW.get(heading):
            values[match[1]].append(float(match[2]))
    if not all(values.values()):
        raise ConverterCrashedError("the converter ended without the loudness")
    integrated = _highest(values["I"])
    return Loudness(
        integrated_lufs=integrated if integrated is not None and integrated > _GATE_LUFS else None,
        range_lu=_highest(values["LRA"]) or 0.0,
        true_peak_dbtp=_highest(values["Peak"]),
    )


def _highest(values: Sequence[float]) -> float | None:
    """The highest finite value; None where there is none. For samples that are too large, infinity is measured."""
    return max((value for value in values if math.isfinite(value)), default=None)
