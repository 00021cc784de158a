"""In which form sources are joined, and how they overlap."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import pytest

from worker.domain.encoding import common_depth
from worker.domain.errors import (
    InvalidMessageError,
    NoAudioError,
    StalledError,
    UnsupportedAudioError,
    WorkspaceFullError,
)
from worker.domain.joining import Crossfade, SampleForm, common_form, naming


@dataclass(frozen=True, slots=True)
class Sound:
    sample_rate_hz: int
    channels: int
    layout: str
    bits_per_sample: int | None = None
    codec: str = "mp3"


def test_the_form_has_the_highest_rate_and_the_channels_of_the_first_source_with_the_most() -> None:
    sounds = [Sound(44_100, 2, "stereo"), Sound(8000, 6, "5.1(side)"), Sound(96_000, 1, "mono"), Sound(1, 6, "5.1")]

    assert common_form(sounds) == SampleForm(96_000, 6, "5.1(side)")


@pytest.mark.parametrize(
    ("codecs", "bits"), [(["mp3"], 16), (["dsd_lsbf", "mp3"], 24), (["pcm_s32le", "dsd_lsbf"], 32), (["pcm_u8"], 8)]
)
def test_joined_sources_count_as_the_one_with_the_most_bits(codecs: list[str], bits: int) -> None:
    stored = {"pcm_s32le": 32, "pcm_u8": 8}

    assert common_depth([Sound(44_100, 2, "stereo", stored.get(codec), codec) for codec in codecs]) == bits


def test_a_form_knows_how_large_its_sound_is() -> None:
    form = SampleForm(48_000, 2, "stereo")

    assert form.frame_bytes == 8
    assert form.bytes_of(0.5) == 24_000 * 8


def test_a_part_has_a_crossfade_at_each_joint() -> None:
    crossfade = Crossfade(10)

    assert [crossfade.frames_of(number, 3) for number in range(3)] == [10, 20, 10]
    assert crossfade.frames_of(0, 1) == 0


@pytest.mark.parametrize(("number", "frames", "fits"), [(0, 10, False), (0, 11, True), (1, 20, False), (1, 21, True)])
def test_a_part_has_to_be_longer_than_its_crossfades(number: int, frames: int, fits: bool) -> None:
    crossfade = Crossfade(10)
    if fits:
        crossfade.check(number, 3, frames, 10)
        return
    with pytest.raises(InvalidMessageError, match=rf"^crossfade_seconds: source\[{number}\] has {frames / 10:.3f} s"):
        crossfade.check(number, 3, frames, 10)


def test_without_a_crossfade_a_part_may_have_any_length() -> None:
    Crossfade(0).check(1, 3, 1, 48_000)


def test_a_crossfade_of_more_samples_than_can_be_mixed_is_refused_with_the_longest_that_can() -> None:
    Crossfade(60 * 192_000).check_size(SampleForm(192_000, 8, "7.1"))

    with pytest.raises(
        InvalidMessageError, match=r"^crossfade_seconds: is at most 7 for sources of 768000 Hz and 16 channels$"
    ):
        Crossfade(60 * 768_000).check_size(SampleForm(768_000, 16, "16 channels"))


def test_a_crossfade_goes_evenly_from_one_to_the_other_in_all_channels() -> None:
    ending, beginning = array("f", [1.0, 0.0] * 4).tobytes(), array("f", [0.0, 1.0] * 4).tobytes()

    mixed = array("f", Crossfade(4).mixed(ending, beginning, 2, 0))

    assert list(mixed) == [0.875, 0.125, 0.625, 0.375, 0.375, 0.625, 0.125, 0.875]


def test_a_crossfade_that_is_mixed_in_pieces_is_the_same() -> None:
    ending, beginning = array("f", map(float, range(12))), array("f", map(float, range(50, 62)))
    crossfade = Crossfade(4)
    whole = crossfade.mixed(ending.tobytes(), beginning.tobytes(), 3, 0)

    pieces = crossfade.mixed(ending[:3].tobytes(), beginning[:3].tobytes(), 3, 0)
    pieces += crossfade.mixed(ending[3:].tobytes(), beginning[3:].tobytes(), 3, 1)

    assert list(array("f", pieces)) == pytest.approx(list(array("f", whole)), abs=1e-6)


def test_what_is_wrong_with_a_source_is_said_with_its_name() -> None:
    with (
        pytest.raises(UnsupportedAudioError, match=r"^s3://bucket/key: the source is damaged$"),
        naming("s3://bucket/key"),
    ):
        raise UnsupportedAudioError("the source is damaged")
    with (
        pytest.raises(NoAudioError, match=r"^s3://bucket/key: the source has no audio stream$"),
        naming("s3://bucket/key"),
    ):
        raise NoAudioError
    with (
        pytest.raises(StalledError, match=r"^s3://bucket/key: the source's headers were not read for 60 s$"),
        naming("s3://bucket/key"),
    ):
        raise StalledError(60, "the source's headers were not read")


def test_what_is_not_the_sources_fault_has_no_name_of_a_source() -> None:
    with pytest.raises(WorkspaceFullError, match=r"^the workspace has no space left$"), naming("s3://bucket/key"):
        raise WorkspaceFullError
