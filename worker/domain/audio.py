"""The formats that we write: each is declared once, with all that is known of it outside ffmpeg.

What ffmpeg calls its encoders, muxers and channel layouts is in `worker/adapters/ffmpeg/encoders.py`, one entry a
format: those are words of one converter, and nothing but its adapter reads them. What the encoders of FFmpeg 9.0.2
(in imageio-ffmpeg 0.8.1) accept was measured, each rate, channel count and bitrate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from worker.domain.bitrate_bounds import OPUS_BOUNDS, VORBIS_BOUNDS, BitrateBounds
from worker.domain.containers.kinds import Container
from worker.domain.hls import PLAYLIST_TYPE
from worker.domain.limits import Below, Choice, OneOf, Range

MIN_RATE_HZ = 4000  # below it nothing is sound, and a header's 1 Hz makes hours of output from a few bytes
MAX_RATE_HZ = 768_000
_ALL_CHANNELS = Range(1, 8)
_ALL_RATES = Range(MIN_RATE_HZ, MAX_RATE_HZ)
_MP3_RATES = OneOf((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
_AAC_RATES = OneOf((7350, *_MP3_RATES.values, 64000, 88200, 96000))
_OPUS_RATES = OneOf((8000, 12000, 16000, 24000, 48000))  # RFC 6716, section 2
_DEPTHS = OneOf((16, 24))
_DEPTHS_WITH_FLOAT = OneOf((16, 24, 32))


class AudioFormat(StrEnum):
    """The formats of outputs (docs/options.md)."""

    MP3 = "mp3"
    M4A = "m4a"
    AAC = "aac"
    ALAC = "alac"
    FLAC = "flac"
    WAV = "wav"
    OGG = "ogg"
    OPUS = "opus"
    WEBM = "webm"
    AIFF = "aiff"
    CAF = "caf"
    WAVEFORM = "waveform"
    REPORT = "report"
    HLS = "hls"


class Codec(StrEnum):
    """The kinds of samples, for formats that can hold several."""

    PCM = "pcm"
    FLOAT = "float"
    MULAW = "mulaw"
    ALAW = "alaw"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSpec:
    """What a format is and what it can hold.

    `encoding_cost` is in core-seconds for a minute of stereo, measured with ffmpeg 9 on one core of a 2.3 GHz Xeon:
    only the ratios matter, since a worker learns its own speed.
    """

    description: str
    extensions: tuple[str, ...]  # of the files that hold it, without the dot; no two formats share one
    content_type: str
    container: Container | None  # None: no file of sound
    encoding_cost: float
    channels: Range[int] = _ALL_CHANNELS
    rates_hz: Range[int] | OneOf = _ALL_RATES
    bitrates_kbps: Range[int] | None = None  # None: lossless
    default_kbps_per_channel: int = 0  # for lossy formats: transparent enough for speech, and good for music
    bitrate_bounds: tuple[BitrateBounds, ...] = ()  # by rate, ascending; empty: the encoder takes the nearest itself
    max_rate_for_bitrate_hz: int | None = None  # for an output with a bitrate and no rate of its own
    vbr_quality: Range[int] | None = None  # of a variable bitrate, on the encoder's own scale
    bits_per_sample: OneOf | None = None  # that can be asked for; 32 is float
    codecs: Choice | None = None  # that can be asked for
    holds_tags: bool = True
    has_tags_by_converter: bool = False  # the converter writes the tags, and takes only so many
    holds_cover: bool = True
    max_bytes: int | None = None  # of a file, where its size fields have 32 bits
    is_constant: bool = False  # each second takes as many bytes as the next
    is_waveform: bool = False  # shows the peaks of the sound, in a form that its target's extension decides
    is_segmented: bool = False  # several objects beneath a prefix, at several bitrates
    content_types: Mapping[str, str] = field(
        default_factory=dict
    )  # by the extension, where that is not always the same

    @property
    def is_sound(self) -> bool:
        """Whether it can be heard."""
        return self.container is not None

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of the format's targets, which are required where another has no meaning, as for a stream."""
        return ("/",) if self.is_segmented else tuple(f".{extension}" for extension in self.extensions)

    @property
    def is_lossless(self) -> bool:
        return self.is_sound and self.bitrates_kbps is None

    @property
    def rates_with_bitrate_hz(self) -> Below | None:
        """The rates at which the encoder takes a bitrate, where those are not all."""
        if not self.bitrate_bounds or self.bitrate_bounds[-1].below_hz > MAX_RATE_HZ:
            return None
        return Below(self.bitrate_bounds[-1].below_hz)

    def nearest_rate(self, rate_hz: int) -> int:
        """The rate itself where the format has it, else the next above, so that nothing is lost, else the highest."""
        if isinstance(self.rates_hz, OneOf):
            return min((rate for rate in self.rates_hz.values if rate >= rate_hz), default=max(self.rates_hz.values))
        return min(max(rate_hz, self.rates_hz.low), self.rates_hz.high)

    def nearest_bitrate(self, kbps: int, rate_hz: int, channels: int) -> int | None:
        """The bitrate that the encoder takes; None where it takes none at this rate."""
        if not self.bitrate_bounds:
            return kbps
        bounds = next((each for each in self.bitrate_bounds if rate_hz < each.below_hz), None)
        return None if bounds is None else bounds.nearest(kbps, channels)


FORMATS: dict[AudioFormat, FormatSpec] = {
    AudioFormat.MP3: FormatSpec(
        description="MP3",
        extensions=("mp3",),
        content_type="audio/mpeg",
        container=Container.MP3,
        encoding_cost=0.69,
        channels=Range(1, 2),
        rates_hz=_MP3_RATES,
        bitrates_kbps=Range(8, 320),
        default_kbps_per_channel=64,
        vbr_quality=Range(0, 9),
        is_constant=True,
    ),
    AudioFormat.M4A: FormatSpec(
        description="AAC in MP4",
        extensions=("m4a",),
        content_type="audio/mp4",
        container=Container.MP4,
        encoding_cost=1.30,
        rates_hz=_AAC_RATES,
        bitrates_kbps=Range(8, 512),
        default_kbps_per_channel=64,
    ),
    AudioFormat.AAC: FormatSpec(
        description="AAC in ADTS",
        extensions=("aac",),
        content_type="audio/aac",
        container=Container.ADTS,
        encoding_cost=1.30,
        holds_tags=False,
        holds_cover=False,
        # An ADTS header names up to six channels (ISO 13818-7, table 42); the encoder refuses its eighth layout there.
        channels=Range(1, 6),
        rates_hz=_AAC_RATES,
        bitrates_kbps=Range(8, 512),
        default_kbps_per_channel=64,
    ),
    AudioFormat.ALAC: FormatSpec(
        description="Apple Lossless in MP4",
        extensions=("alac",),
        content_type="audio/mp4",
        container=Container.MP4,
        encoding_cost=0.31,
        bits_per_sample=_DEPTHS,
    ),
    AudioFormat.FLAC: FormatSpec(
        description="FLAC",
        extensions=("flac",),
        content_type="audio/flac",
        container=Container.FLAC,
        encoding_cost=0.10,
        rates_hz=Range(MIN_RATE_HZ, 655_350),  # RFC 9639, section 9.1.2
        bits_per_sample=_DEPTHS,
    ),
    AudioFormat.WAV: FormatSpec(
        description="PCM in WAV",
        extensions=("wav",),
        content_type="audio/wav",
        container=Container.WAV,
        encoding_cost=0.03,
        channels=Range(1, 16),
        bits_per_sample=_DEPTHS_WITH_FLOAT,
        codecs=Choice(tuple(each.value for each in Codec)),
        is_constant=True,
    ),
    AudioFormat.OGG: FormatSpec(
        description="Vorbis in Ogg",
        extensions=("ogg",),
        content_type="audio/ogg",
        container=Container.OGG,
        encoding_cost=1.97,
        rates_hz=Range(8000, 192_000),
        bitrates_kbps=Range(16, 500),
        default_kbps_per_channel=64,
        bitrate_bounds=VORBIS_BOUNDS,
        vbr_quality=Range(-1, 10),
        max_rate_for_bitrate_hz=48_000,
    ),
    AudioFormat.OPUS: FormatSpec(
        description="Opus in Ogg",
        extensions=("opus",),
        content_type="audio/ogg; codecs=opus",
        container=Container.OGG,
        encoding_cost=0.61,
        rates_hz=_OPUS_RATES,
        bitrates_kbps=Range(6, 510),
        default_kbps_per_channel=48,
        bitrate_bounds=OPUS_BOUNDS,
    ),
    AudioFormat.WEBM: FormatSpec(
        description="Opus in WebM",
        holds_cover=False,
        extensions=("webm",),
        content_type="audio/webm",
        container=Container.MATROSKA,
        encoding_cost=0.61,
        rates_hz=_OPUS_RATES,
        bitrates_kbps=Range(6, 510),
        default_kbps_per_channel=48,
        bitrate_bounds=OPUS_BOUNDS,
        has_tags_by_converter=True,
    ),
    AudioFormat.AIFF: FormatSpec(
        description="PCM in AIFF",
        extensions=("aiff", "aif"),
        content_type="audio/aiff",
        container=Container.AIFF,
        encoding_cost=0.03,
        channels=Range(1, 16),
        bits_per_sample=_DEPTHS_WITH_FLOAT,
        max_bytes=2**32 - 1,
        is_constant=True,
    ),
    AudioFormat.CAF: FormatSpec(
        description="PCM in Core Audio Format",
        holds_cover=False,
        extensions=("caf",),
        content_type="audio/x-caf",
        container=Container.CAF,
        encoding_cost=0.03,
        channels=Range(1, 16),
        bits_per_sample=_DEPTHS_WITH_FLOAT,
        is_constant=True,
        has_tags_by_converter=True,
    ),
    AudioFormat.WAVEFORM: FormatSpec(
        description="audiowaveform's data, or a picture",
        extensions=("json", "dat", "png"),
        content_type="application/json",
        content_types={"dat": "application/octet-stream", "png": "image/png"},
        container=None,
        holds_tags=False,
        holds_cover=False,
        encoding_cost=0.20,
        channels=Range(1, 16),
        is_waveform=True,
    ),
    AudioFormat.REPORT: FormatSpec(
        description="format, tags, loudness, clipped samples and silences, in JSON",
        extensions=("report.json",),
        content_type="application/json",
        container=None,
        holds_tags=False,
        holds_cover=False,
        encoding_cost=0.44,
        channels=Range(1, 16),
    ),
    AudioFormat.HLS: FormatSpec(
        description="AAC in segments of MP4, with playlists (RFC 8216)",
        extensions=(),
        content_type=PLAYLIST_TYPE,
        container=Container.MP4,
        encoding_cost=1.30,
        holds_tags=False,
        holds_cover=False,
        rates_hz=_AAC_RATES,
        bitrates_kbps=Range(8, 512),
        default_kbps_per_channel=64,
        is_segmented=True,
    ),
}
