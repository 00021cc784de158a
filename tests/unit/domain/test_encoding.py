"""What an output is encoded as, from its options, the source and the format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.audio import FORMATS, MAX_RATE_HZ, MIN_RATE_HZ, AudioFormat, Codec
from worker.domain.encoding import Encoding, check_source, encoding_for, encodings_for
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


def test_a_picked_channel_is_alone_whatever_the_source_has() -> None:
    assert encoding(AudioFormat.WAV, channels=4, pick_channel=2).channels == 1


@pytest.mark.parametrize(("bits", "depth"), [(8, 16), (16, 16), (17, 24), (24, 24), (32, 24)])
def test_samples_of_more_than_16_bits_are_kept_in_24(bits: int, depth: int) -> None:
    assert encoding(AudioFormat.FLAC, bits=bits).bits_per_sample == depth


@pytest.mark.parametrize(
    ("seconds", "cut", "heard"),
    [(60.0, {}, 60.0), (60.0, {"end_seconds": 20.0}, 20.0), (None, {"end_seconds": 20.0}, None), (None, {}, None)],
)
def test_a_picture_is_made_for_the_part_that_an_output_has(
    seconds: float | None, cut: dict[str, float], heard: float | None
) -> None:
    spec = OutputSpec(ObjectLocation("bucket", "key.png"), AudioFormat.WAVEFORM, **cut)  # type: ignore[arg-type]
    whole = OutputSpec(ObjectLocation("bucket", "key.png"), AudioFormat.WAVEFORM)

    waveform = encoding_for(spec, sample_rate_hz=48_000, channels=2, bits_per_sample=16, seconds=seconds).waveform

    expected = encoding_for(whole, sample_rate_hz=48_000, channels=2, bits_per_sample=16, seconds=heard).waveform
    assert waveform == expected


@pytest.mark.parametrize(
    ("rate", "channels", "lowest", "highest"),
    [
        (8_999, 1, 8, 42),
        (9_000, 1, 12, 50),
        (8_999, 2, 12, 84),
        (8_999, 3, 24, 126),
        (14_999, 2, 16, 100),
        (15_000, 2, 24, 200),
        (19_000, 1, 16, 90),
        (19_000, 2, 30, 180),
        (26_000, 3, 90, 570),
        (40_000, 2, 45, 500),
        (49_999, 1, 32, 240),
        (49_999, 8, 256, 1920),
        (14_999, 1, 12, 50),
        (14_999, 3, 36, 150),
        (15_000, 1, 16, 100),
        (15_000, 3, 48, 300),
        (19_000, 3, 48, 270),
        (26_000, 1, 30, 190),
        (26_000, 2, 36, 380),
        (40_000, 1, 32, 240),
        (40_000, 3, 96, 720),
    ],
)
def test_the_bitrates_of_vorbis_have_bounds_by_rate_and_channels(
    rate: int, channels: int, lowest: int, highest: int
) -> None:
    vorbis = FORMATS[AudioFormat.OGG]

    assert [vorbis.nearest_bitrate(kbps, rate, channels) for kbps in (1, 9_999)] == [lowest, highest]
    assert vorbis.nearest_bitrate(128, 50_000, channels) is None


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_opus_has_up_to_256_kbit_a_channel_at_any_rate(channels: int) -> None:
    rules = FORMATS[AudioFormat.OPUS]

    assert rules.nearest_bitrate(9999, 999_999, channels) == 256 * channels
    assert rules.nearest_bitrate(0, 48_000, channels) == 0


@pytest.mark.parametrize(("codec", "depth"), [(Codec.FLOAT, 32), (Codec.MULAW, 8), (Codec.ALAW, 8)])
def test_a_sample_has_the_depth_of_its_codec(codec: Codec, depth: int) -> None:
    assert encoding(AudioFormat.WAV, bits=24, codec=codec).bits_per_sample == depth


def test_each_encoding_has_the_number_of_its_output() -> None:
    target = ObjectLocation("bucket", "key")
    specs = [OutputSpec(target, AudioFormat.MP3), OutputSpec(target, AudioFormat.WAV)]

    made = encodings_for(specs, sample_rate_hz=44_100, channels=2, bits_per_sample=16)

    assert [each.output for each in made] == [0, 1]
    assert encoding(AudioFormat.MP3).output == 0
