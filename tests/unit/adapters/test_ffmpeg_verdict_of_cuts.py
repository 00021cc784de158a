"""How long an output of a part of the source has to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.adapters.test_ffmpeg_verdict import LOSSLESS, RATE, WAV, judged, of_seconds
from worker.adapters.ffmpeg.verdict import check_counts
from worker.domain.cutting import Cut
from worker.domain.errors import ConverterCrashedError, UnsupportedAudioError


@pytest.mark.parametrize(("cut", "seconds"), [(Cut(2, 6), 4), (Cut(2), 8), (Cut(0, 30), 10)])
def test_an_output_of_a_part_is_as_long_as_the_part(cut: Cut, seconds: float) -> None:
    part = replace(WAV, cut=cut)

    assert judged(of_seconds(10, seconds, 10), LOSSLESS, part) == ([seconds], ())
    for wrong in (seconds - 0.5, seconds + 0.5):
        with pytest.raises(ConverterCrashedError, match=rf"the wav output has {wrong:.2f} s of {seconds:.2f} s"):
            judged(of_seconds(10, wrong, 10), LOSSLESS, part)


@pytest.mark.parametrize(
    ("changes", "lacking", "is_right"),
    [(0, 0.009, True), (0, 0.011, False), (1, 0.109, True), (1, 0.111, False), (2, 0.209, True), (2, 0.211, False)],
)
def test_a_part_may_lack_a_frame_for_each_change_of_its_format(
    changes: int, lacking: float, *, is_right: bool
) -> None:
    counts, part = replace(of_seconds(10, 4 - lacking, 10), changes=changes), replace(WAV, cut=Cut(2, 6))

    if is_right:
        assert judged(counts, LOSSLESS, part)[0] == pytest.approx([4 - lacking])
    else:
        with pytest.raises(ConverterCrashedError, match="the wav output"):
            judged(counts, LOSSLESS, part)


def test_the_reference_says_how_long_the_source_is_of_which_outputs_have_parts() -> None:
    part = replace(WAV, cut=Cut(2, 6))

    assert judged(of_seconds(10, 4, 10), LOSSLESS, part) == ([4.0], ())
    assert judged(of_seconds(10, 4, 4, 10), LOSSLESS, part, part) == ([4.0, 4.0], ())
    with pytest.raises(ConverterCrashedError, match="the wav output"):
        judged(of_seconds(10, 5, 10), LOSSLESS, part)


def test_alac_in_caf_may_be_a_packet_shorter_than_stated() -> None:
    audio = replace(LOSSLESS, container="caf", codec="alac", duration_seconds=10 + 0.5 / RATE)

    assert check_counts(of_seconds(10 - 4095 / RATE), audio, [WAV], max_duration_seconds=60).lengths == [
        10 - 4095 / RATE
    ]
    with pytest.raises(UnsupportedAudioError, match="cut off"):
        judged(of_seconds(10 - 4096 / RATE), audio)
