"""What ffmpeg calls the formats that we write: encoder, muxer, sample formats and channel layouts, one entry a format.

The rest of what is known of a format is in `worker/domain/audio.py`; the split keeps one converter's words out of the
domain. A test holds both tables to the same formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.domain.audio import AudioFormat, Codec
from worker.domain.encoding import Encoding
from worker.domain.mixing import LAYOUTS

# By name, because what ffmpeg takes for three and four channels (2.1, 4.0) libopus refuses and FLAC mislabels.
_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_LAYOUTS_OF_AAC = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1")
_LAYOUTS_OF_ALAC = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1(wide)")
# What AAC says in a program config element (ISO 14496-3, section 4.5.1.2), and the decoder reads back. Measured.
_MORE_OF_ADTS = ("2.1", "3.0(back)", "quad", "3.1", "4.1", "hexagonal")
_MORE_OF_AAC = (*_MORE_OF_ADTS, "7.0", "7.1(wide)", "octagonal")
# ffmpeg writes kAudioChannelLayoutTag_MPEG_7_1_C, whose sides come before its backs, and leaves the samples in its own
# order (libavformat/isom_tags, CoreAudioBaseTypes.h). Measured: it reads such a file with sides and backs exchanged.
_ORDERS_OF_APPLE = {"7.1": (0, 1, 2, 3, 6, 7, 4, 5)}
# Without it ffmpeg puts five and seven channels in an order that its own header contradicts: it takes a table for its
# inverse, which differs for these two (libavcodec/libopusenc.c). Measured: ffmpeg 5.1 and 9.0, read by opusdec.
_OPUS_MAPPING = dict.fromkeys(("5.0", "6.1"), ("-mapping_family", "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """ffmpeg's names and options for a format.

    A table `by_depth` has bits per sample as its keys. A depth that is not there needs nothing of its own.
    """

    name: str
    muxer: str
    piece_muxer: str = ""  # of a part that is to be joined to others, where frames do not say how long they are
    names_by_depth: Mapping[int, str] = field(default_factory=dict)  # where another encoder writes that depth
    names_by_codec: Mapping[Codec, str] = field(default_factory=dict)  # where another encoder writes that codec
    sample_formats_by_depth: Mapping[int, str] = field(default_factory=dict)
    layouts: Sequence[str] = _LAYOUTS  # for 1, 2, 3, … channels
    more_layouts: Sequence[str] = ()  # that it holds besides
    holds_discrete_channels: bool = False  # any layout, and channels without a position
    orders: Mapping[str, Sequence[int]] = field(default_factory=dict)  # of a layout's channels, where not ffmpeg's
    is_lossless: bool = False
    by_layout: Mapping[str, Sequence[str]] = field(default_factory=dict)  # options, where a layout needs them
    without_bitrate: Sequence[str] = ()
    for_discrete_channels: Sequence[str] = ()  # for channels without a position
    always: Sequence[str] = ()

    @property
    def names(self) -> set[str]:
        """All encoders that the format may need."""
        return {self.name, *self.names_by_depth.values(), *self.names_by_codec.values()}

    def name_for(self, bits_per_sample: int, codec: Codec | None = None) -> str:
        by_depth = self.names_by_depth.get(bits_per_sample, self.name)
        return by_depth if codec is None else self.names_by_codec.get(codec, by_depth)

    def layout(self, channels: int) -> str | None:
        """The layout of so many channels, where nothing else is asked for; None beyond those that have a name."""
        return self.layouts[channels - 1] if channels <= len(self.layouts) else None

    def layout_of_discrete_channels(self, channels: int) -> str | None:
        """The layout that as many channels without a position get.

        For a lossy encoder it is one without an LFE channel, if there is one: of that, only low frequencies are kept.
        """
        without = (name for name in self.held_with(channels) if "LFE" not in LAYOUTS[name])
        return self.layout(channels) if self.is_lossless else next(without, self.layout(channels))

    def holds(self, layout: str) -> bool:
        return self.holds_discrete_channels or layout in self.layouts or layout in self.more_layouts

    def held_with(self, channels: int) -> list[str]:
        """The layouts of so many channels, the usual one first."""
        return [name for name in (*self.layouts, *self.more_layouts) if len(LAYOUTS[name]) == channels]


ENCODERS: Mapping[AudioFormat, Encoder] = {
    AudioFormat.MP3: Encoder(name="libmp3lame", muxer="mp3"),
    # `ipod` is MP4 with the brand that players of .m4a look for.
    AudioFormat.M4A: Encoder(name="aac", muxer="ipod", layouts=_LAYOUTS_OF_AAC, more_layouts=_MORE_OF_AAC),
    AudioFormat.AAC: Encoder(name="aac", muxer="adts", layouts=_LAYOUTS_OF_AAC, more_layouts=_MORE_OF_ADTS),
    AudioFormat.ALAC: Encoder(
        name="alac",
        muxer="ipod",
        sample_formats_by_depth={16: "s16p", 24: "s32p"},
        layouts=_LAYOUTS_OF_ALAC,
        is_lossless=True,
    ),
    # Its encoder takes 24 of the 32 bits. Without a size of its own its blocks would be as short as the source's
    # frames, and a source of fewer than 16 samples would be refused.
    AudioFormat.FLAC: Encoder(
        name="flac",
        muxer="flac",
        piece_muxer="mp4",
        sample_formats_by_depth={16: "s16", 24: "s32"},
        holds_discrete_channels=True,
        is_lossless=True,
        always=("-frame_size", "4096"),
        for_discrete_channels=("-metadata:s:a:0", "WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x0"),  # RFC 9639, section 8.6.2
    ),
    AudioFormat.WAV: Encoder(
        name="pcm_s16le",
        muxer="wav",
        names_by_depth={24: "pcm_s24le", 32: "pcm_f32le"},
        names_by_codec={Codec.MULAW: "pcm_mulaw", Codec.ALAW: "pcm_alaw"},
        holds_discrete_channels=True,
        is_lossless=True,
        always=("-rf64", "auto"),
    ),
    AudioFormat.OGG: Encoder(name="libvorbis", muxer="ogg", without_bitrate=("-q:a", "4")),
    AudioFormat.OPUS: Encoder(name="libopus", muxer="ogg", by_layout=_OPUS_MAPPING),
    AudioFormat.WEBM: Encoder(name="libopus", muxer="webm", by_layout=_OPUS_MAPPING),
    AudioFormat.AIFF: Encoder(
        name="pcm_s16be",
        muxer="aiff",
        names_by_depth={24: "pcm_s24be", 32: "pcm_f32be"},
        holds_discrete_channels=True,
        orders=_ORDERS_OF_APPLE,
        is_lossless=True,
    ),
    AudioFormat.CAF: Encoder(
        name="pcm_s16be",
        muxer="caf",
        names_by_depth={24: "pcm_s24be", 32: "pcm_f32be"},
        holds_discrete_channels=True,
        orders=_ORDERS_OF_APPLE,
        is_lossless=True,
    ),
    # The samples of these two are discarded: the outputs are made of what filters print.
    AudioFormat.WAVEFORM: Encoder(name="pcm_s16le", muxer="null", holds_discrete_channels=True, is_lossless=True),
    AudioFormat.REPORT: Encoder(name="pcm_s16le", muxer="null", holds_discrete_channels=True, is_lossless=True),
    # The header is written with the first fragment, when it is known how many samples the encoder has put in front:
    # players leave those out. Nothing stands behind the last fragment.
    AudioFormat.HLS: Encoder(
        name="aac",
        muxer="mp4",
        layouts=_LAYOUTS_OF_AAC,
        more_layouts=_MORE_OF_AAC,
        always=("-movflags", "+default_base_moof+delay_moov+skip_trailer"),
    ),
}

_SAMPLES = Encoder(name="pcm_f32le", muxer="f32le", holds_discrete_channels=True, is_lossless=True)


def encoder_for(encoding: Encoding) -> Encoder:
    return ENCODERS[encoding.format] if encoding.samples_in is None else _SAMPLES
