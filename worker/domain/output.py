"""An output that a message asks for. The one declaration of each of its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from worker.domain.audio import FORMATS, AudioFormat, Codec, FormatSpec
from worker.domain.cover import Cover
from worker.domain.declaration import Companion, Field, Option
from worker.domain.hls import SEGMENT_SECONDS
from worker.domain.limits import ABSENT, ANYTHING, Count, Different, Limits, OneOf, Range
from worker.domain.location import ObjectLocation
from worker.domain.loudness import LoudnessTarget
from worker.domain.stream_layout import master_of
from worker.domain.tags.edits import Edits, TagEdits
from worker.domain.tags.pictures import Picture
from worker.domain.trimming import TrimSilence

MAX_BITRATES = 6  # of a stream
_PIXELS = Range(16, 8192)
_SECONDS = Range(0, 10_000_000)  # more than any source has


def _several(each: Limits | None) -> Limits | None:
    return None if each is None else Different(Count(1, MAX_BITRATES), each)


def _of_waveforms(limits: Limits) -> Callable[[FormatSpec], Limits | None]:
    return lambda rules: limits if rules.is_waveform else None


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output that is asked for. An option that is None is kept from the source, or is the format's default."""

    target: Annotated[
        ObjectLocation,
        Field("Where the output is written, as s3://bucket/key; of `hls` a prefix, as s3://bucket/prefix/."),
    ]
    format: Annotated[AudioFormat, Field("What the output is.")]
    bitrate_kbps: Annotated[
        int | None,
        Option(
            "Bitrate of the encoded audio in kbit/s, or the nearest that the encoder has at the rate and channels.",
            lambda rules: rules.bitrates_kbps,
            unavailable="which is lossless",
            companions=(
                Companion("sample_rate_hz", lambda rules: rules.rates_with_bitrate_hz),
                Companion("bitrates_kbps", lambda rules: ABSENT if rules.is_segmented else None),
            ),
        ),
    ] = None
    sample_rate_hz: Annotated[
        int | None,
        Option(
            "Sample rate in Hz; by default the source's, or the next higher that the format has.",
            lambda rules: rules.rates_hz,
        ),
    ] = None
    channels: Annotated[
        int | None,
        Option(
            "Number of channels; by default the source's, or the most that the format has.",
            lambda rules: rules.channels,
        ),
    ] = None
    vbr_quality: Annotated[
        int | None,
        Option(
            "Quality of a variable bitrate, on the encoder's own scale: 0 is the best of MP3, 10 the best of Vorbis.",
            lambda rules: rules.vbr_quality,
            companions=(Companion("bitrate_kbps", lambda _: ABSENT),),
        ),
    ] = None
    bits_per_sample: Annotated[
        int | None,
        Option(
            "Depth of lossless samples; 32 is float. By default 24 for DSD or a source of more than 16 bits, else 16.",
            lambda rules: rules.bits_per_sample,
            unavailable="which is lossy",
        ),
    ] = None
    codec: Annotated[
        Codec | None,
        Option(
            "What a sample is: a whole number, a float of 32 bits, or 8 bits on a scale of telephony (ITU-T G.711).",
            lambda rules: rules.codecs,
            companions=(
                Companion("bits_per_sample", lambda _: OneOf((16, 24)), given=Codec.PCM),
                Companion("bits_per_sample", lambda _: OneOf((32,)), given=Codec.FLOAT),
                Companion("bits_per_sample", lambda _: ABSENT, given=Codec.MULAW),
                Companion("bits_per_sample", lambda _: ABSENT, given=Codec.ALAW),
            ),
        ),
    ] = None
    start_seconds: Annotated[
        float | None,
        Option("Where in the source the output begins, to the sample.", lambda _: _SECONDS),
    ] = None
    end_seconds: Annotated[
        float | None,
        Option(
            "Where in the source the output ends, to the sample; above `start_seconds`.",
            lambda _: _SECONDS,
        ),
    ] = None
    fade_in_seconds: Annotated[
        float | None,
        Option("How long the output takes to come to its full level.", lambda _: _SECONDS),
    ] = None
    fade_out_seconds: Annotated[
        float | None,
        Option("How long the output takes to become silent at its end.", lambda _: _SECONDS),
    ] = None
    pick_channel: Annotated[
        int | None,
        Option(
            "The number, from 1, of the source's channel that becomes a mono output; the others are not heard in it.",
            lambda _: Range(1, 64),
            companions=(Companion("channels", lambda _: ABSENT),),
        ),
    ] = None
    tags: Annotated[
        Mapping[str, str | None] | None,
        Option(
            "Tags to set, by name (title, artist, album, album_artist, track, disc, date, genre, comment, composer, "
            "lyrics, or any other), and with null those to remove.",
            lambda rules: TagEdits(by_converter=rules.has_tags_by_converter) if rules.holds_tags else None,
            unavailable="which has no place for tags",
        ),
    ] = None
    keep_tags: Annotated[
        bool | None,
        Option(
            "Whether the source's tags and chapters are taken over; by default they are.",
            lambda rules: ANYTHING if rules.holds_tags else None,
            unavailable="which has no place for tags",
        ),
    ] = None
    cover: Annotated[
        Cover | None,
        Option(
            "The cover: the source's (`keep`, the default), none (`drop`), or a JPEG or PNG of up to 5 MiB by its "
            "`s3://bucket/key`.",
            lambda rules: ANYTHING if rules.holds_cover else None,
            unavailable="which has no place for a cover",
        ),
    ] = None
    trim_silence: Annotated[
        TrimSilence | None,
        Option("Leaves out silence at both ends, to the sample; before fades.", lambda _: ANYTHING),
    ] = None
    loudness: Annotated[
        LoudnessTarget | None,
        Option(
            "Loudness by EBU R 128: a gain, and a limiter only where the true peak would become too high.",
            lambda rules: ANYTHING if rules.is_sound else None,
        ),
    ] = None
    points_per_second: Annotated[
        int | None,
        Option(
            "Points of a waveform in a second, 20 by default; more where a point would have a part of a sample.",
            _of_waveforms(Range(1, 1000)),
            extensions=("json", "dat"),
        ),
    ] = None
    bits: Annotated[
        int | None,
        Option(
            "Bits of each value of a waveform, 8 by default.",
            _of_waveforms(OneOf((8, 16))),
            extensions=("json", "dat"),
        ),
    ] = None
    width: Annotated[
        int | None,
        Option(
            "Width of a waveform's picture in pixels, 1800 by default.", _of_waveforms(_PIXELS), extensions=("png",)
        ),
    ] = None
    height: Annotated[
        int | None,
        Option(
            "Height of a waveform's picture in pixels, 140 by default.", _of_waveforms(_PIXELS), extensions=("png",)
        ),
    ] = None

    bitrates_kbps: Annotated[
        tuple[int, ...] | None,
        Option(
            "Bitrates of a stream in kbit/s, in the order of its master playlist: most players begin with the first.",
            lambda rules: _several(rules.bitrates_kbps) if rules.is_segmented else None,
        ),
    ] = None
    segment_seconds: Annotated[
        float | None,
        Option(
            "How long the segments of a stream are, 6 by default; up to a frame of AAC longer.",
            lambda rules: SEGMENT_SECONDS if rules.is_segmented else None,
        ),
    ] = None

    @property
    def extension(self) -> str:
        """The extension of the target, in lower case and without the dot; empty where it has none."""
        _, dot, extension = self.target.key.rpartition("/")[2].rpartition(".")
        return extension.lower() if dot else ""

    @property
    def visible_at(self) -> ObjectLocation:
        """The object by which the output can be read; without it, nobody sees anything of the output."""
        return master_of(self.target) if self.is_stream else self.target

    @property
    def is_stream(self) -> bool:
        return FORMATS[self.format].is_segmented

    @property
    def renditions(self) -> tuple[OutputSpec, ...]:
        """The output itself, or a stream once for each of its bitrates."""
        if self.bitrates_kbps is None:
            return (self,)
        return tuple(replace(self, bitrate_kbps=kbps, bitrates_kbps=None) for kbps in self.bitrates_kbps)

    @property
    def content_type(self) -> str:
        rules = FORMATS[self.format]
        return rules.content_types.get(self.extension, rules.content_type)

    @property
    def cover_location(self) -> ObjectLocation | None:
        """The object that is the output's cover; None where it is the source's, or none."""
        return None if self.cover is None else self.cover.location

    def with_cover(self, picture: Picture | None) -> OutputSpec:
        """The output, with the content of the object that is its cover."""
        return self if self.cover is None else replace(self, cover=replace(self.cover, picture=picture))

    @property
    def edits(self) -> Edits:
        """What the output changes of its source's metadata."""
        cover = self.cover or Cover(is_kept=True)
        return Edits(self.tags or {}, self.keep_tags is not False, cover.is_kept, cover.picture)
