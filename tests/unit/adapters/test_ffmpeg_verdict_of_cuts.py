"""How long an output of a part of the source has to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.adapters.test_ffmpeg_verdict import LOSSLESS, WAV, judged, of_seconds
from worker.domain.cutting import Cut
from worker.domain.errors import ConverterCrashedError


@pytest.mark.parametrize(("cut", "seconds"), [(Cut(2, 6), 4), (Cut(2), 8), (Cut(0, 30), 10)])
def test_an_output_of_a_part_is_as_long_as_the_part(cut: Cut, seconds: float) -> None:
    part = replace(WAV, cut=cut)

    assert judged(of_seconds(10, seconds, 10), LOSSLESS, part) == ([seconds], ())
    for wrong in (seconds - 0.5, seconds + 0.5):
        with pytest.raises(ConverterCrashedError, match=rf"the wav output has {wrong:.2f} s of {seconds:.2f} s"):
            judged(of_seconds(10, wrong, 10), LOSSLESS, part)
