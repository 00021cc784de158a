"""Sound that is beyond the scale of the filter that measures loudness is measured once more, within it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.ffmpeg_log import FILTER, RESET
from worker.adapters.ffmpeg.filters import Analysis
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.measuring import within_scale
from worker.domain.loudness import Loudness

WITHIN = Loudness(-9.0, 3.0, 6.0)


def summary(number: int, lufs: float, range_lu: float, peak: float) -> str:
    text = (
        f"Summary:\n\n  Integrated loudness:\n    I:         {lufs:.1f} LUFS\n"
        f"\n  Loudness range:\n    LRA:        {range_lu:.1f} LU\n\n  True peak:\n    Peak:       {peak:.1f} dBFS\n"
    )
    return f"{RESET}\x1b[{FILTER}m[ebur128@loudness{number} @ 0x7f1c0] {RESET}{text}"


class Source:
    """Says the summaries; the analyses that it was asked for are kept."""

    def __init__(self, *summaries: str) -> None:
        self.asked: list[Analysis] = []
        self._summaries = summaries

    async def analyse(self, analyses: Sequence[Analysis]) -> Log:
        self.asked += analyses
        log = Log()
        for each in self._summaries:
            log.feed(each.encode())
        return log


async def test_what_is_within_the_scale_is_measured_once() -> None:
    source = Source()

    found = await within_scale({0: (None, WITHIN), 1: (None, Loudness(None, 0.0, None))}, source.analyse)

    assert found == {0: WITHIN, 1: Loudness(None, 0.0, None)}
    assert source.asked == []


async def test_what_is_beyond_it_is_measured_behind_a_gain_that_brings_its_peak_to_full_scale() -> None:
    source = Source(summary(1, -12.3, 4.5, 0.0))

    found = await within_scale({0: (None, WITHIN), 1: (None, Loudness(10.0, 0.0, 90.3))}, source.analyse)

    assert found == {0: WITHIN, 1: Loudness(78.0, 4.5, 90.3)}
    (analysis,) = source.asked
    assert analysis.filters == (
        "volume=-90.3dB:precision=double",
        "ebur128@loudness1=peak=true:framelog=quiet",
    )


async def test_a_sound_that_is_below_the_gate_beside_its_peak_keeps_what_was_measured_first() -> None:
    source = Source(summary(0, -70.0, 0.0, 0.0))
    first = Loudness(-30.0, 2.0, 6.1)

    assert await within_scale({0: (None, first)}, source.analyse) == {0: first}
    assert len(source.asked) == 1
