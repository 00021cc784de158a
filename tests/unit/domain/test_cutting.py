"""Which part of the source an output has, once its length is known."""

from __future__ import annotations

from typing import Any

import pytest

from worker.domain.audio import AudioFormat
from worker.domain.cutting import Cut, cut_of, seconds_of
from worker.domain.encoding import bytes_of, encoding_for
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.loudness import LoudnessTarget
from worker.domain.splitting.pieces import framing_of
from worker.domain.trimming import TrimSilence

TARGET = ObjectLocation("podcasts-out", "ep")
PREVIEW = Cut(10.0, 40.0, 1.0, 2.0)


def can_be_split(spec: OutputSpec) -> bool:
    return framing_of(encoding_for(spec, sample_rate_hz=44_100, channels=2, bits_per_sample=16)) is not None


def test_an_output_without_a_cut_has_none_and_can_be_converted_in_pieces() -> None:
    plain = OutputSpec(TARGET, AudioFormat.MP3, bitrate_kbps=128, pick_channel=1)
    assert cut_of(plain) is None
    assert can_be_split(plain)


@pytest.mark.parametrize("name", ["start_seconds", "end_seconds", "fade_in_seconds", "fade_out_seconds"])
def test_an_output_with_one_cannot_be_converted_in_pieces(name: str) -> None:
    spec = OutputSpec(TARGET, AudioFormat.MP3, **{name: 3.0})  # type: ignore[arg-type]
    assert cut_of(spec) is not None
    assert not can_be_split(spec)


@pytest.mark.parametrize(
    "option",
    [{"trim_silence": TrimSilence()}, {"loudness": LoudnessTarget(-16.0)}],
    ids=lambda option: next(iter(option)),
)
def test_nor_can_an_output_that_depends_on_all_of_the_sound(option: dict[str, Any]) -> None:
    assert not can_be_split(OutputSpec(TARGET, AudioFormat.MP3, **option))


@pytest.mark.parametrize(("source_seconds", "seconds"), [(100, 30), (40, 30), (25, 15), (10, 0), (5, 0)])
def test_it_has_what_the_source_has_of_it(source_seconds: float, seconds: float) -> None:
    assert PREVIEW.seconds_of(source_seconds) == seconds


@pytest.mark.parametrize(
    ("cut", "stated_seconds", "needs"),
    [
        (PREVIEW, 100.0, False),
        (PREVIEW, 41.0, False),
        (PREVIEW, 40.9, True),
        (PREVIEW, None, True),
        (Cut(start_seconds=99.5), 100.0, True),
        (Cut(start_seconds=98.5), 100.0, False),
        (Cut(fade_in_seconds=2.0), 100.0, False),
        (Cut(fade_in_seconds=99.5), 100.0, True),
        (Cut(start_seconds=60.0, fade_in_seconds=40.0), 100.0, True),
        (Cut(start_seconds=60.0, end_seconds=90.0, fade_in_seconds=40.0), 100.0, False),
        (Cut(fade_out_seconds=2.0), 100.0, True),
    ],
)
def test_the_source_is_measured_where_its_length_decides(cut: Cut, stated_seconds: float | None, needs: bool) -> None:
    assert cut.needs_length(stated_seconds) is needs


def test_an_end_that_is_left_out_is_that_of_the_source() -> None:
    assert Cut(start_seconds=3.0).within(12.5, "outputs[0]") == Cut(3.0, 12.5)
    assert PREVIEW.within(40.0, "outputs[0]") == PREVIEW
    assert PREVIEW.within(39.9995, "outputs[0]") == Cut(10.0, 39.9995, 1.0, 2.0)


@pytest.mark.parametrize(("source_seconds", "field"), [(39.998, "end_seconds"), (10.0, "end_seconds")])
def test_an_end_beyond_the_source_is_refused(source_seconds: float, field: str) -> None:
    with pytest.raises(InvalidMessageError, match=f"which has {source_seconds:.3f} s") as refused:
        PREVIEW.within(source_seconds, "outputs[2]")
    assert refused.value.field == f"outputs[2].{field}"


def test_a_start_at_the_end_is_refused() -> None:
    with pytest.raises(InvalidMessageError, match=r"outputs\[0\]\.start_seconds"):
        Cut(start_seconds=12.5).within(12.5, "outputs[0]")


def test_a_preview_takes_the_space_of_a_preview() -> None:
    def most(**options: float) -> int:
        spec = OutputSpec(TARGET, AudioFormat.WAV, **options)  # type: ignore[arg-type]
        return bytes_of(encoding_for(spec, sample_rate_hz=44_100, channels=2, bits_per_sample=16), 3600).most

    assert most(start_seconds=10.0, end_seconds=40.0) < most() / 50


def test_an_output_that_is_trimmed_may_be_shorter_than_its_cut_and_takes_no_space_for_certain() -> None:
    spec = OutputSpec(TARGET, AudioFormat.WAV, trim_silence=TrimSilence())
    encoding = encoding_for(spec, sample_rate_hz=44_100, channels=2, bits_per_sample=16)
    whole = encoding_for(OutputSpec(TARGET, AudioFormat.WAV), sample_rate_hz=44_100, channels=2, bits_per_sample=16)

    assert bytes_of(encoding, 60).least == 0
    assert bytes_of(encoding, 60).most == bytes_of(whole, 60).most
    assert encoding.is_found_by_decoding(100.0)
    assert not whole.is_found_by_decoding(None)


def test_an_output_lasts_as_long_as_its_source_or_its_cut() -> None:
    assert seconds_of(OutputSpec(TARGET, AudioFormat.MP3), 50.0) == 50.0
    assert seconds_of(OutputSpec(TARGET, AudioFormat.MP3, start_seconds=10.0), 50.0) == 40.0
