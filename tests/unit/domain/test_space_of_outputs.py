"""How large outputs become, as far as that can be said beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from worker.domain.audio import AudioFormat
from worker.domain.disk_space import SpaceNeed
from worker.domain.encoding import bytes_of, encoding_for
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.report import most_bytes

HOUR = 3600.0
ENDS = 256 * 1024


def need_of(audio_format: AudioFormat, bits: int = 16, **options: Any) -> SpaceNeed:
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
    assert need_of(AudioFormat.OPUS, bitrate_kbps=64) == SpaceNeed(0, 2 * 64 * 125 * 3600 + ENDS)


def test_without_a_bitrate_the_highest_of_the_format_is_expected() -> None:
    spec = OutputSpec(ObjectLocation("bucket", "out"), AudioFormat.OGG)
    encoding = encoding_for(spec, sample_rate_hz=96_000, channels=2, bits_per_sample=16)

    assert encoding.bitrate_kbps is None
    assert bytes_of(encoding, HOUR).most == 2 * 500 * 125 * 3600 + ENDS


def test_a_report_takes_what_its_silences_may_take() -> None:
    assert need_of(AudioFormat.REPORT) == SpaceNeed(0, most_bytes(HOUR))
    least = 65_536 + (1 << 20)
    assert [most_bytes(seconds) - least for seconds in (0.0, 10.2, 10.5, 4999.9, 5000.0)] == [
        *(32, 21 * 32, 22 * 32, 10_000 * 32, 10_000 * 32)
    ]


def test_a_waveform_takes_its_picture_and_its_points_as_they_are_printed() -> None:
    spec = OutputSpec(ObjectLocation("bucket", "key.png"), AudioFormat.WAVEFORM, width=100, height=50)
    encoding = encoding_for(spec, sample_rate_hz=8000, channels=1, bits_per_sample=16, seconds=100.0)

    one, two = (bytes_of(replace(encoding, channels=channels), 100.0) for channels in (1, 2))

    points = 200  # two a column
    assert one == SpaceNeed(0, points * (64 + 100) + 100 * 50 + ENDS)
    assert two == SpaceNeed(0, points * (64 + 200) + 100 * 50 + ENDS)
