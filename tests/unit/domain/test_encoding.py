"""What an output is encoded as, from its options, the source and the format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.audio import FORMATS, MAX_RATE_HZ, MIN_RATE_HZ, AudioFormat
from worker.domain.encoding import Encoding, check_source, encoding_for
from worker.domain.errors import InvalidMessageError
from worker.domain.hls import DEFAULT_SEGMENT_SECONDS
from worker.domain.job import ObjectLocation, OutputSpec


def encoding(
    audio_format: AudioFormat, *, rate: int = 44100, channels: int = 2, bits: int = 16, **options: Any
) -> Encoding:
    spec = OutputSpec(ObjectLocation("bucket", "key"), audio_format, **options)
    return encoding_for(spec, sample_rate_hz=rate, channels=channels, bits_per_sample=bits)


@given(
    st.sampled_from(AudioFormat),
    st.integers(MIN_RATE_HZ, MAX_RATE_HZ),
    st.integers(1, 16),
    st.sampled_from([8, 16, 24, 32]),
)
def test_any_source_has_an_encoding_in_any_format(
    audio_format: AudioFormat, rate: int, channels: int, bits: int
) -> None:
    rules = FORMATS[audio_format]
    result = encoding(audio_format, rate=rate, channels=channels, bits=bits)

    assert rules.rates_hz.allows(result.sample_rate_hz)
    assert result.channels == min(channels, rules.channels.high)
    assert result.bits_per_sample == (24 if bits > 16 else 16)
    assert (result.bitrate_kbps is None) == (
        rules.bitrates_kbps is None or (audio_format == "ogg" and result.sample_rate_hz >= 50_000)
    )


def test_rate_and_channels_are_the_sources_where_the_format_has_them() -> None:
    assert encoding(AudioFormat.MP3) == Encoding(AudioFormat.MP3, 44100, 2, 16, 128)
    assert encoding(AudioFormat.FLAC, rate=96000, channels=6, bits=24) == Encoding(
        AudioFormat.FLAC, 96000, 6, 24, None
    )


@pytest.mark.parametrize(
    ("audio_format", "rate", "nearest"),
    [("opus", 44100, 48000), ("mp3", 96000, 48000), ("mp3", 4000, 8000), ("m4a", 37800, 44100), ("ogg", 4000, 8000)],
)
def test_a_rate_that_the_format_lacks_becomes_the_next_above(audio_format: str, rate: int, nearest: int) -> None:
    assert encoding(AudioFormat(audio_format), rate=rate).sample_rate_hz == nearest


def test_an_option_goes_before_the_source() -> None:
    result = encoding(AudioFormat.MP3, rate=48000, sample_rate_hz=22050, bitrate_kbps=32)
    assert (result.sample_rate_hz, result.bitrate_kbps) == (22050, 32)


@pytest.mark.parametrize(
    ("audio_format", "channels", "rate", "asked", "taken"),
    [
        ("ogg", 1, 44100, 500, 240),
        ("ogg", 2, 44100, 16, 45),
        ("ogg", 6, 48000, 16, 192),
        ("ogg", 1, 8000, 128, 42),
        ("ogg", 2, 96000, 192, 192),  # at 48 kHz: above, Vorbis knows no bitrate
        ("opus", 1, 48000, 510, 256),
        ("webm", 2, 48000, 510, 510),
        ("mp3", 1, 8000, 320, 320),
    ],
)
def test_a_bitrate_that_the_encoder_refuses_becomes_the_nearest(
    audio_format: str, channels: int, rate: int, asked: int, taken: int
) -> None:
    result = encoding(AudioFormat(audio_format), rate=rate, channels=channels, bitrate_kbps=asked)
    assert result.bitrate_kbps == taken


def test_a_stream_has_segments_of_the_length_that_is_asked_for_or_of_the_usual_one() -> None:
    assert encoding(AudioFormat.HLS, segment_seconds=4).segment_seconds == 4
    assert encoding(AudioFormat.HLS).segment_seconds == DEFAULT_SEGMENT_SECONDS
    assert encoding(AudioFormat.MP3).segment_seconds is None


def test_a_channel_can_be_picked_that_the_source_has() -> None:
    target = ObjectLocation.parse("s3://bucket/key")
    all_of_it, second = OutputSpec(target, AudioFormat.WAV), OutputSpec(target, AudioFormat.WAV, pick_channel=2)

    check_source([all_of_it, second], channels=2)
    for channels, count in ((1, "1 channel"), (0, "0 channels")):
        with pytest.raises(InvalidMessageError, match=rf"^outputs\[1\].pick_channel: the source has {count}$"):
            check_source([all_of_it, second], channels=channels)
