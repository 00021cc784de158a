"""What ffmpeg calls the formats that we write: encoder, muxer, sample formats and channel layouts, one entry a format.

The rest of what is known of a format is in `worker/domain/audio.py`; the split keeps one converter's words out of the
domain. A test holds both tables to the same formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.domain.audio import AudioFormat

# By name, because what ffmpeg takes for three and four channels (2.1, 4.0) libopus refuses and FLAC mislabels.
_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_LAYOUTS_OF_AAC = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1")
_LAYOUTS_OF_ALAC = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1(wide)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """ffmpeg's words for a format. What is `by_depth` has bits per sample as keys; without a key, nothing special."""

    name: str
    muxer: str
    names_by_depth: Mapping[int, str] = field(default_factory=dict)  # where another encoder writes that depth
    sample_formats_by_depth: Mapping[int, str] = field(default_factory=dict)
    layouts: Sequence[str] = _LAYOUTS  # for 1, 2, 3, … channels
    without_bitrate: Sequence[str] = ()
    always: Sequence[str] = ()

    @property
    def names(self) -> set[str]:
        """All encoders that the format may need."""
        return {self.name, *self.names_by_depth.values()}

    def name_for(self, bits_per_sample: int) -> str:
        return self.names_by_depth.get(bits_per_sample, self.name)

    def layout(self, channels: int) -> str:
        return self.layouts[channels - 1]


ENCODERS: Mapping[AudioFormat, Encoder] = {
    AudioFormat.MP3: Encoder(name="libmp3lame", muxer="mp3"),
    # `ipod` is MP4 with the brand that players of .m4a look for.
    AudioFormat.M4A: Encoder(name="aac", muxer="ipod", layouts=_LAYOUTS_OF_AAC),
    AudioFormat.AAC: Encoder(name="aac", muxer="adts", layouts=_LAYOUTS_OF_AAC),
    AudioFormat.ALAC: Encoder(
        name="alac",
        muxer="ipod",
        sample_formats_by_depth={16: "s16p", 24: "s32p"},
        layouts=_LAYOUTS_OF_ALAC,
    ),
    # Its encoder takes 24 of the 32 bits.
    AudioFormat.FLAC: Encoder(name="flac", muxer="flac", sample_formats_by_depth={16: "s16", 24: "s32"}),
    AudioFormat.WAV: Encoder(
        name="pcm_s16le", muxer="wav", names_by_depth={24: "pcm_s24le"}, always=("-rf64", "auto")
    ),
    AudioFormat.OGG: Encoder(name="libvorbis", muxer="ogg", without_bitrate=("-q:a", "4")),
    AudioFormat.OPUS: Encoder(name="libopus", muxer="ogg"),
    AudioFormat.WEBM: Encoder(name="libopus", muxer="webm"),
}
