"""How large outputs become, as far as that can be said beforehand."""

from __future__ import annotations

from typing import Any

from worker.domain.audio import AudioFormat
from worker.domain.disk_space import Need
from worker.domain.encoding import bytes_of, encoding_for
from worker.domain.job import ObjectLocation, OutputSpec

HOUR = 3600.0
ENDS = 256 * 1024


def need_of(audio_format: AudioFormat, bits: int = 16, **options: Any) -> Need:
    spec = OutputSpec(ObjectLocation("bucket", "out"), audio_format, **options)
    return bytes_of(encoding_for(spec, sample_rate_hz=44_100, channels=2, bits_per_sample=bits), HOUR)


def test_samples_take_what_rate_channels_and_depth_make() -> None:
    an_hour = 44_100 * 2 * 2 * 3600

    need = need_of(AudioFormat.WAV)

    assert need.least <= an_hour <= need.most
    assert need.most - need.least < an_hour * 0.05
    assert need_of(AudioFormat.WAV, bits=24).least == need_of(AudioFormat.WAV).least * 3 // 2


def test_lossless_coding_may_save_all_or_nothing() -> None:
    for audio_format in (AudioFormat.FLAC, AudioFormat.ALAC):
        assert need_of(audio_format).least == 0
        assert need_of(audio_format).most == need_of(AudioFormat.WAV).most


def test_a_bitrate_is_kept_within_a_factor_of_two() -> None:
    need = need_of(AudioFormat.MP3, bitrate_kbps=320)

    assert need.least <= 320 * 125 * 3600 <= need.most
    assert need.most == 2 * 320 * 125 * 3600 + ENDS
    assert need_of(AudioFormat.OPUS, bitrate_kbps=64) == Need(0, 2 * 64 * 125 * 3600 + ENDS)


def test_without_a_bitrate_the_highest_of_the_format_is_expected() -> None:
    spec = OutputSpec(ObjectLocation("bucket", "out"), AudioFormat.OGG)
    encoding = encoding_for(spec, sample_rate_hz=96_000, channels=2, bits_per_sample=16)

    assert encoding.bitrate_kbps is None
    assert bytes_of(encoding, HOUR).most == 2 * 500 * 125 * 3600 + ENDS
