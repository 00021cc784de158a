"""The declarations of formats agree with themselves, and with the converter's table."""

from __future__ import annotations

from collections import Counter

import pytest

from worker.adapters.ffmpeg.encoders import ENCODERS
from worker.domain.audio import FORMATS, AudioFormat


def test_every_format_is_declared_once_here_and_once_at_the_converter() -> None:
    assert list(FORMATS) == list(AudioFormat)
    assert list(ENCODERS) == list(AudioFormat)


def test_no_two_formats_share_a_file_ending() -> None:
    endings = Counter(ending for rules in FORMATS.values() for ending in rules.endings)
    assert set(endings.values()) == {1}
    assert all(rules.endings for rules in FORMATS.values())


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_converter_has_a_layout_for_each_number_of_channels(audio_format: AudioFormat) -> None:
    encoder = ENCODERS[audio_format]
    assert len(encoder.layouts) >= FORMATS[audio_format].channels.high or encoder.holds_tracks


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_a_lossy_format_has_a_default_bitrate_within_its_bounds(audio_format: AudioFormat) -> None:
    rules = FORMATS[audio_format]
    assert (rules.bitrates_kbps is None) == (rules.default_kbps_per_channel == 0)
    if rules.bitrates_kbps is not None:
        for channels in (1, 2):
            assert rules.bitrates_kbps.allows(rules.default_kbps_per_channel * channels), channels


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_a_lossless_format_is_written_with_16_and_with_24_bits(audio_format: AudioFormat) -> None:
    encoder = ENCODERS[audio_format]
    arguments = [(encoder.name_for(bits), encoder.sample_formats_by_depth.get(bits)) for bits in (16, 24)]
    assert (arguments[0] != arguments[1]) == FORMATS[audio_format].is_lossless
