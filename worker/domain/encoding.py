"""How an output is encoded: its wishes, completed from the source and bent to what the encoder can do."""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.job import OutputSpec

# libvorbis takes a bitrate only within bounds that depend on the rate; below each rate, in kbit/s a channel:
# mono's lowest and highest, stereo's, and those of more channels. Measured, as in lib/modes/setup_*.h of libvorbis.
_VORBIS_KBPS_PER_CHANNEL = (
    (9_000, (8, 42), (6, 42), (8, 42)),
    (15_000, (12, 50), (8, 50), (12, 50)),
    (19_000, (16, 100), (12, 100), (16, 100)),
    (26_000, (16, 90), (15, 90), (16, 90)),
    (40_000, (30, 190), (18, 190), (30, 190)),
    (50_000, (32, 240), (22.5, 250), (32, 240)),
)
_HIGHEST_VORBIS_RATE_WITH_BITRATE_HZ = 48_000
_OPUS_MAX_KBPS_PER_CHANNEL = 256  # libopus refuses more


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the encoder is told. `bitrate_kbps` is None for the lossless, and for Vorbis above 50 kHz."""

    format: AudioFormat
    sample_rate_hz: int
    channels: int
    bits_per_sample: int  # of the lossless: 16 or 24
    bitrate_kbps: int | None


def encoding_for(spec: OutputSpec, *, sample_rate_hz: int, channels: int, bits_per_sample: int) -> Encoding:
    """How `spec` is encoded from a source with this rate, channel count and depth.

    A bitrate that the encoder does not have at this rate and channel count becomes the nearest that it has.
    """
    rules = FORMATS[spec.format]
    rate = spec.sample_rate_hz or rules.nearest_rate(sample_rate_hz)
    if spec.format is AudioFormat.OGG and spec.bitrate_kbps and not spec.sample_rate_hz:
        rate = min(rate, _HIGHEST_VORBIS_RATE_WITH_BITRATE_HZ)
    count = spec.channels or min(channels, rules.max_channels)
    bitrate = None
    if not rules.is_lossless:
        bitrate = _nearest_bitrate(
            spec.format, spec.bitrate_kbps or rules.default_kbps_per_channel * count, rate, count
        )
    return Encoding(spec.format, rate, count, 24 if bits_per_sample > 16 else 16, bitrate)


def _nearest_bitrate(audio_format: AudioFormat, kbps: int, rate_hz: int, channels: int) -> int | None:
    if audio_format in {AudioFormat.OPUS, AudioFormat.WEBM}:
        return min(kbps, _OPUS_MAX_KBPS_PER_CHANNEL * channels)
    if audio_format is not AudioFormat.OGG:
        return kbps  # LAME and FFmpeg's AAC take the nearest by themselves
    for below_hz, mono, stereo, more in _VORBIS_KBPS_PER_CHANNEL:
        if rate_hz < below_hz:
            low, high = (mono, stereo, more)[min(channels, 3) - 1]
            return round(min(max(kbps, low * channels), high * channels))
    return None
