"""The declarations of formats agree with themselves, and with the converter's table."""

from __future__ import annotations

from collections import Counter

import pytest

from worker.adapters.ffmpeg.encoders import ENCODERS
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.hls import DEFAULT_SEGMENT_SECONDS, SEGMENT_SECONDS
from worker.domain.limits import Limits, OneOf, Range


def test_every_format_is_declared_once_here_and_once_at_the_converter() -> None:
    assert list(FORMATS) == list(AudioFormat)
    assert list(ENCODERS) == list(AudioFormat)


def test_no_two_formats_share_a_file_ending() -> None:
    endings = Counter(ending for rules in FORMATS.values() for ending in rules.endings)
    assert set(endings.values()) == {1}
    assert all(rules.endings for rules in FORMATS.values())


_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # ISO 11172-3, 13818-3 and MPEG-2.5
_AAC_RATES = (7350, *_MP3_RATES, 64000, 88200, 96000)  # ISO 14496-3, table 1.18
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)  # RFC 6716, section 2


@pytest.mark.parametrize(
    ("audio_format", "rates_hz", "kbps", "most_channels", "default_kbps"),
    [
        ("mp3", OneOf(_MP3_RATES), Range(8, 320), 2, 64),
        ("m4a", OneOf(_AAC_RATES), Range(8, 512), 8, 64),
        ("aac", OneOf(_AAC_RATES), Range(8, 512), 6, 64),
        ("hls", OneOf(_AAC_RATES), Range(8, 512), 8, 64),
        ("ogg", Range(8000, 192_000), Range(16, 500), 8, 64),
        ("opus", OneOf(_OPUS_RATES), Range(6, 510), 8, 48),
        ("webm", OneOf(_OPUS_RATES), Range(6, 510), 8, 48),
        ("alac", Range(4000, 768_000), None, 8, 0),
        ("flac", Range(4000, 655_350), None, 8, 0),
        ("wav", Range(4000, 768_000), None, 16, 0),
        ("aiff", Range(4000, 768_000), None, 16, 0),
        ("caf", Range(4000, 768_000), None, 16, 0),
        ("waveform", Range(4000, 768_000), None, 16, 0),
        ("report", Range(4000, 768_000), None, 16, 0),
    ],
)
def test_a_format_has_the_rates_bitrates_and_channels_of_the_contract(
    audio_format: str, rates_hz: Limits, kbps: Limits | None, most_channels: int, default_kbps: int
) -> None:
    rules = FORMATS[AudioFormat(audio_format)]

    assert (rules.rates_hz, rules.bitrates_kbps) == (rates_hz, kbps)
    assert rules.channels == Range(1, most_channels)
    assert rules.default_kbps_per_channel == default_kbps


def test_depths_and_qualities_are_those_that_the_encoders_have() -> None:
    depths = {name: rules.bits_per_sample for name, rules in FORMATS.items() if rules.bits_per_sample}
    qualities = {name: rules.vbr_quality for name, rules in FORMATS.items() if rules.vbr_quality}

    assert depths == {
        **dict.fromkeys(("alac", "flac"), OneOf((16, 24))),
        **dict.fromkeys(("wav", "aiff", "caf"), OneOf((16, 24, 32))),
    }
    assert qualities == {"mp3": Range(0, 9), "ogg": Range(-1, 10)}
    assert FORMATS[AudioFormat.OGG].max_rate_for_bitrate_hz == 48_000


def test_a_file_of_aiff_is_no_larger_than_its_sizes_can_say() -> None:
    assert {name: rules.max_bytes for name, rules in FORMATS.items() if rules.max_bytes} == {"aiff": 4_294_967_295}


def test_segments_have_two_to_twenty_seconds() -> None:
    assert Range(2, 20) == SEGMENT_SECONDS
    assert DEFAULT_SEGMENT_SECONDS == 6.0


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_converter_has_a_layout_for_each_number_of_channels(audio_format: AudioFormat) -> None:
    encoder = ENCODERS[audio_format]
    assert len(encoder.layouts) >= FORMATS[audio_format].channels.high or encoder.holds_discrete_channels


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
