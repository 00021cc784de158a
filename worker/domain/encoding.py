"""How an output is encoded, and how large it then becomes.

Its options are completed from the source, and brought within what the encoder can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from worker.domain.audio import FORMATS, AudioFormat, Codec
from worker.domain.cutting import Cut, cut_of
from worker.domain.disk_space import SpaceNeed
from worker.domain.errors import InvalidMessageError
from worker.domain.hls import DEFAULT_SEGMENT_SECONDS
from worker.domain.job import OutputSpec
from worker.domain.joining import Sound
from worker.domain.loudness import Gain, LoudnessTarget
from worker.domain.report import Report, most_bytes
from worker.domain.tags.edits import Edits
from worker.domain.trimming import TrimSilence
from worker.domain.waveform import Waveform, waveform_of

LOSSY_BITS = 16  # a sample of a lossy source counts as one of so many bits
_DSD_BITS = 24  # and one of DSD: each is of one bit, and together they have more range than 16

# Of white noise in mono, Vorbis made 1.6 times the bitrate, AAC at its lowest 1.9 times, others less.
_VARIATION = 2.0
_OVERHEAD = 1.02  # of samples in frames
_ENDS_BYTES = 256 * 1024  # headers and padding
_BYTES_OF_A_POINT = 64  # its number and its time
_BYTES_OF_A_CHANNEL = 2 * (42 + 8)  # its lowest and its highest sample, with their names and without


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the encoder is given.

    `bitrate_kbps` is None for the lossless, for a variable bitrate, and for Vorbis from 50 kHz on. `pick_channel` is
    the number, from 1, of the only channel of the source that is heard. With `samples_in` plain samples are written,
    floats of 32 bits and nothing else.
    """

    format: AudioFormat
    sample_rate_hz: int
    channels: int
    bits_per_sample: int  # of the lossless: 16, 24, 32 for float, 8 for the codecs of telephony
    bitrate_kbps: int | None
    vbr_quality: int | None = None
    codec: Codec | None = None
    pick_channel: int | None = None
    cut: Cut | None = None
    trim: TrimSilence | None = None
    loudness: LoudnessTarget | None = None
    gain: Gain | None = None  # once it is known
    edits: Edits = field(default_factory=Edits)
    waveform: Waveform | None = None
    samples_in: str | None = None  # the layout, by the converter's name, of plain samples without a format
    report: Report | None = None  # once the sound is measured
    segment_seconds: float | None = None  # for a stream
    output: int = 0  # the number, from 0, of the output to which it belongs

    def is_found_by_decoding(self, stated_seconds: float | None) -> bool:
        """Whether the source has to be decoded first, to know which part of it the output has."""
        return self.trim is not None or (self.cut is not None and self.cut.needs_length(stated_seconds))


def encodings_for(
    specs: Sequence[OutputSpec],
    *,
    sample_rate_hz: int,
    channels: int,
    bits_per_sample: int,
    seconds: float | None = None,
) -> list[Encoding]:
    """How all outputs are encoded, in their order: a stream once for each of its bitrates, any other output once."""
    return [
        replace(
            encoding_for(
                spec,
                sample_rate_hz=sample_rate_hz,
                channels=channels,
                bits_per_sample=bits_per_sample,
                seconds=seconds,
            ),
            output=number,
        )
        for number, output in enumerate(specs)
        for spec in output.renditions
    ]


def encoding_for(
    spec: OutputSpec, *, sample_rate_hz: int, channels: int, bits_per_sample: int, seconds: float | None = None
) -> Encoding:
    """How `spec` is encoded from a source with this rate, channel count, depth, and length as far as that is known.

    A bitrate that the encoder does not have at this rate and channel count becomes the nearest that it has.
    """
    rules = FORMATS[spec.format]
    count = 1 if spec.pick_channel else spec.channels or min(channels, rules.channels.high)
    rate = spec.sample_rate_hz or rules.nearest_rate(sample_rate_hz)
    if spec.bitrate_kbps and not spec.sample_rate_hz:
        rate = min(rate, rules.max_rate_for_bitrate_hz or rate)
    bitrate = None
    if rules.bitrates_kbps is not None and spec.vbr_quality is None:
        bitrate = rules.nearest_bitrate(spec.bitrate_kbps or rules.default_kbps_per_channel * count, rate, count)
    cut, waveform = cut_of(spec), None
    if spec.format is AudioFormat.WAVEFORM:
        heard_seconds = cut.seconds_of(seconds) if cut and seconds else seconds
        waveform = waveform_of(spec, rate_hz=rate, seconds=heard_seconds)
    return Encoding(
        spec.format,
        rate,
        count,
        _depth(spec, bits_per_sample),
        bitrate,
        vbr_quality=spec.vbr_quality,
        codec=spec.codec,
        pick_channel=spec.pick_channel,
        cut=cut,
        trim=spec.trim_silence,
        loudness=spec.loudness,
        edits=spec.edits,
        waveform=waveform,
        segment_seconds=(spec.segment_seconds or DEFAULT_SEGMENT_SECONDS) if rules.is_segmented else None,
    )


def counted_bits(codec: str, stored_bits: int | None) -> int:
    """As how many bits a sample of a source counts, for the depth that lossless outputs have by default."""
    if stored_bits is not None:
        return stored_bits
    return _DSD_BITS if codec.startswith("dsd_") else LOSSY_BITS


def common_depth(sounds: Sequence[Sound]) -> int:
    """As how many bits a sample of joined sources counts: as one of the source with the most."""
    return max(counted_bits(sound.codec, sound.bits_per_sample) for sound in sounds)


def _depth(spec: OutputSpec, source_bits: int) -> int:
    match spec.codec:
        case Codec.FLOAT:
            return 32
        case Codec.MULAW | Codec.ALAW:
            return 8
    return spec.bits_per_sample or (24 if source_bits > 16 else 16)


def check_source(specs: Sequence[OutputSpec], *, channels: int) -> None:
    """Raise InvalidMessageError about the first output that asks for what a source with so many channels lacks."""
    for index, spec in enumerate(specs):
        if spec.pick_channel is not None and spec.pick_channel > channels:
            count = "1 channel" if channels == 1 else f"{channels} channels"
            raise InvalidMessageError(f"outputs[{index}].pick_channel", f"the source has {count}")


def bytes_of(encoding: Encoding, seconds: float) -> SpaceNeed:
    """How large an output of a source of so many seconds becomes."""
    rules = FORMATS[encoding.format]
    if encoding.cut is not None:
        seconds = encoding.cut.seconds_of(seconds)
    if encoding.waveform is not None:
        return _bytes_of_points(encoding.waveform, encoding, seconds)
    if encoding.format is AudioFormat.REPORT:
        return SpaceNeed(0, most_bytes(seconds))
    if encoding.bitrate_kbps is not None:
        per_second = encoding.bitrate_kbps * 125.0
    elif rules.bitrates_kbps is not None:
        per_second = rules.bitrates_kbps.high * 125.0
    else:
        per_second = encoding.sample_rate_hz * encoding.channels * encoding.bits_per_sample / 8
    is_certain = rules.is_constant and encoding.vbr_quality is None and encoding.trim is None
    factor = _OVERHEAD if rules.is_lossless else _VARIATION
    return SpaceNeed(
        least=int(seconds * per_second / _OVERHEAD) if is_certain else 0,
        most=int(seconds * per_second * factor) + _ENDS_BYTES,
    )


def _bytes_of_points(waveform: Waveform, encoding: Encoding, seconds: float) -> SpaceNeed:
    """The bytes of the waveform, and of the points as the converter prints them, which lie beside it for a moment."""
    points = seconds * encoding.sample_rate_hz / waveform.samples_per_point
    each = _BYTES_OF_A_POINT + encoding.channels * _BYTES_OF_A_CHANNEL
    return SpaceNeed(0, int(points * each) + waveform.picture_bytes + _ENDS_BYTES)
