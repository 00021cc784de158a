"""The formats that we write, and which wishes each can fulfil.

What the encoders of FFmpeg 9.0.2 (in imageio-ffmpeg 0.8.1) accept was measured, each rate, channel count and bitrate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (7350, *_MP3_RATES, 64000, 88200, 96000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)  # RFC 6716, section 2
MIN_RATE_HZ = 4000  # below it nothing is sound, and a header's 1 Hz makes hours of output from a few bytes
MAX_RATE_HZ = 768_000


class AudioFormat(StrEnum):
    """The formats of the contract (section 1)."""

    MP3 = "mp3"
    M4A = "m4a"
    AAC = "aac"
    ALAC = "alac"
    FLAC = "flac"
    WAV = "wav"
    OGG = "ogg"
    OPUS = "opus"
    WEBM = "webm"


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """What a format can hold. `bitrates_kbps` is None for the lossless; `rates_hz` None means any in the range."""

    content_type: str
    max_channels: int
    bitrates_kbps: tuple[int, int] | None = None
    rates_hz: tuple[int, ...] | None = None
    rate_range_hz: tuple[int, int] = (MIN_RATE_HZ, MAX_RATE_HZ)
    bitrates_below_hz: int = MAX_RATE_HZ + 1  # from there on the encoder takes no bitrate
    default_kbps_per_channel: int = 0  # of the lossy: what is transparent enough for speech and good for music

    @property
    def is_lossless(self) -> bool:
        return self.bitrates_kbps is None

    def problem_with_rate(self, rate_hz: int) -> str | None:
        """Why the format cannot have this sample rate, or None."""
        if self.rates_hz is not None:
            if rate_hz in self.rates_hz:
                return None
            return "must be one of " + ", ".join(map(str, self.rates_hz))
        low, high = self.rate_range_hz
        return None if low <= rate_hz <= high else f"must be from {low} to {high}"

    def nearest_rate(self, rate_hz: int) -> int:
        """The rate itself where the format has it, else the next above, so that nothing is lost, else the highest."""
        if self.rates_hz is not None:
            return min((rate for rate in self.rates_hz if rate >= rate_hz), default=max(self.rates_hz))
        low, high = self.rate_range_hz
        return min(max(rate_hz, low), high)


FORMATS: dict[AudioFormat, FormatSpec] = {
    AudioFormat.MP3: FormatSpec("audio/mpeg", 2, (8, 320), _MP3_RATES, default_kbps_per_channel=64),
    AudioFormat.M4A: FormatSpec("audio/mp4", 8, (8, 512), _AAC_RATES, default_kbps_per_channel=64),
    # An ADTS header names up to six channels (ISO 13818-7, table 42); the encoder refuses its eighth layout there.
    AudioFormat.AAC: FormatSpec("audio/aac", 6, (8, 512), _AAC_RATES, default_kbps_per_channel=64),
    AudioFormat.ALAC: FormatSpec("audio/mp4", 8),
    AudioFormat.FLAC: FormatSpec("audio/flac", 8, rate_range_hz=(MIN_RATE_HZ, 655_350)),  # RFC 9639, section 9.1.2
    AudioFormat.WAV: FormatSpec("audio/wav", 8),
    AudioFormat.OGG: FormatSpec(
        "audio/ogg",
        8,
        (16, 500),
        rate_range_hz=(8000, 192_000),
        bitrates_below_hz=50_000,
        default_kbps_per_channel=64,
    ),
    AudioFormat.OPUS: FormatSpec("audio/ogg; codecs=opus", 8, (6, 510), _OPUS_RATES, default_kbps_per_channel=48),
    AudioFormat.WEBM: FormatSpec("audio/webm", 8, (6, 510), _OPUS_RATES, default_kbps_per_channel=48),
}
