"""The filter graph between the decoder and the encoders. Its first part, the clock, is shared by all outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.adapters.ffmpeg.channels import channelmap, mapped, relaid, target_layout
from worker.adapters.ffmpeg.clock import clock_of_outputs, longest_pause_seconds
from worker.adapters.ffmpeg.cuts import cut_filters, cut_length_samples
from worker.adapters.ffmpeg.encoders import encoder_for
from worker.adapters.ffmpeg.levels import gain_filters
from worker.adapters.ffmpeg.peaks import peak_filters
from worker.domain.containers.kinds import Container
from worker.domain.encoding import Encoding
from worker.domain.mixing import layout_of
from worker.ports import SourceAudio

# Samples without any header, by the demuxer's name, which is the decoder's behind `pcm_`.
RAW_SAMPLES = frozenset(
    f"{kind}{byte_order}"
    for kind, byte_orders in {
        **dict.fromkeys(("u8", "s8", "alaw", "mulaw"), ("",)),
        **dict.fromkeys(("s16", "s24", "s32", "f32", "f64"), ("le", "be")),
    }.items()
    for byte_order in byte_orders
)
# Their sound has no clock: sample follows sample, and what cannot be decoded is refused.
_WITHOUT_CLOCK = RAW_SAMPLES | {
    *(Container.WAV, Container.W64, Container.AIFF, Container.AU, Container.CAF, Container.FLAC)
}
# Their clock is made from the frames' own lengths, so that a gap is a frame that could not be decoded.
_COUNTED_CLOCK = frozenset({Container.MP3, Container.ADTS, Container.AMR})
# Their length is that of their frames, which the examination of the file has counted.
_COUNTED_FRAMES = _COUNTED_CLOCK | {Container.AC3, Container.EAC3, Container.DTS}
# Either their stated length is too inexact to fill their end up with silence, or no loss at their end goes unnoticed.
_WITHOUT_SILENT_END = _WITHOUT_CLOCK | {Container.MATROSKA, Container.OGG}
# A piece cut out of such a file keeps the numbers of its samples: before the first of them nothing is missing.
_NUMBERS_FROM_ANYWHERE = frozenset({Container.WAVPACK})
# Their decoders name positions by the number of channels where the source names none.
_GUESSES_POSITIONS = frozenset({"tta", "wavpack"})
_FRAME_GAP_SECONDS = 0.01  # less than any frame, but for the short ones of Vorbis
_LATE_SECONDS = 0.01
SHORTEST_PAUSE_SECONDS = 0.1  # recorders' clocks jitter by less; shorter delays add up until they are a pause
_SHORT_SECONDS = 0.1
_SHORT_BYTES = 16_384  # of a source whose length is not known; an AVI of a few samples has 6 kB

# Encoders refuse NaN and infinity, or make a full-scale click of them: this filter makes them silence. The first such
# sample is logged at ffmpeg's level 40 (verbose), as a number that the clock never prints.
_FINITE = "aeval=exprs='if(lt(abs(val(ch)),1e30),val(ch),if(ld(0),0,st(0,1)*0+print(-1,40)*0))':c=same"
# With sound of a million times full scale, as floats have that hold integers of 24 or 32 bits, ffmpeg's encoder of AAC
# does not end and LAME fails; beyond 65536 times, ffmpeg turns the sign of what it makes 16 bits of. Below 128 times,
# these filters change no bit.
_CLIPPED = "volume=0.0078125:precision=double,asoftclip=type=hard,volume=128:precision=double"
_FLOAT = "pcm_f"

_CLOCK_STEP_SECONDS = 0.001  # by which silence within the sound may be too short or too long
_PADDED = "aresample=async=1:min_comp=0.001:min_hard_comp=0.001"


def has_clock(container: str) -> bool:
    """Whether the container says when a frame is played, so that silence takes the place of what is missing."""
    return container not in _WITHOUT_CLOCK


def has_counted_frames(container: str) -> bool:
    """Whether the source's length is the sum of its frames, so that no pause can be part of it."""
    return container in _COUNTED_FRAMES


def is_short_by_unknown_samples(audio: SourceAudio) -> bool:
    """Whether the resampler has to be told how long the source is, and no header states it to the sample.

    Demuxers print hundredths of a second, and the clock of Matroska has thousandths.
    """
    if audio.structure.track_seconds and not has_clock(audio.container):
        return False
    if audio.duration_seconds is None:
        return audio.size_bytes < _SHORT_BYTES
    return audio.duration_seconds < _SHORT_SECONDS


def late_seconds(audio: SourceAudio) -> float:
    """How much silence is put before the sound of a source whose clock begins before its sound, in seconds.

    It is 0 where the source's format changes: the resampler would begin anew at each change, and put it there again.
    """
    return 0.0 if audio.changes_format else begins_late_seconds(audio)


def begins_late_seconds(audio: SourceAudio) -> float:
    """How long the clock of a source runs before its sound begins; 0 where that is another recording's clock."""
    has_start = has_clock(audio.container) and audio.container not in _NUMBERS_FROM_ANYWHERE
    late = _LATE_SECONDS < audio.starts_at_seconds <= longest_pause_seconds(audio)
    return audio.starts_at_seconds if late and has_start else 0.0


def has_reference(encodings: Sequence[Encoding]) -> bool:
    """Whether the whole source is also decoded to a discarded output, because no other shows how long it is."""
    return not encodings or any(encoding.cut is not None for encoding in encodings)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Filters that examine what an output has of the source (None: all of it), and say what they find in the log."""

    of: Encoding | None
    filters: tuple[str, ...]


def filter_graph(
    audio: SourceAudio,
    encodings: Sequence[Encoding],
    analyses: Sequence[Analysis] = (),
    target_fds: Sequence[int] | None = None,
) -> tuple[str, list[str]]:
    """The graph from the chosen track to one labelled end for each output, and those labels.

    `target_fds` are the outputs' descriptors, for those that filters write. None: the graph is not to be run.
    The outputs are followed by the reference, where there is one, and by the ends of the analyses and of the peaks.
    """
    source, shared, parts = f"[0:{audio.track}]", _shared(audio), list[str]()
    if audio.parts:
        source, shared, parts = _joined(audio)
    fds = [0] * len(encodings) if target_fds is None else target_fds
    own = [_own(audio, encoding) for encoding in encodings]
    own += [[]] * has_reference(encodings)
    own += [[*selection_filters(audio, analysis.of), *analysis.filters] for analysis in analyses]
    own += [_peaks(audio, each, fd) for each, fd in zip(encodings, fds, strict=True) if each.waveform is not None]
    labels = [f"[o{number}]" for number in range(len(own))]
    if len(own) == 1:
        return ";".join([*parts, f"{source}{','.join([*shared, *own[0]])}{labels[0]}"]), labels
    between = [f"[s{number}]" for number in range(len(own))]
    split = f"{source}{','.join([*shared, f'asplit={len(own)}'])}{''.join(between)}"
    apart = ["aresample"] * audio.changes_format  # else the shared resampler mixes as one output needs it
    branches = [
        f"{begin}{','.join([*apart, *filters] or ['anull'])}{end}"
        for begin, filters, end in zip(between, own, labels, strict=True)
    ]
    return ";".join([*parts, split, *branches]), labels


def _joined(audio: SourceAudio) -> tuple[str, list[str], list[str]]:
    """The labels of a source's parts, the filters that join these, and for each part the chain that makes it alike."""
    labels = [f"[p{number}]" for number in range(len(audio.parts))]
    chains = []
    for number, (part, label) in enumerate(zip(audio.parts, labels, strict=True)):
        filters = [*_shared(replace(part, loses_frames=audio.loses_frames)), *_made_like(audio, part)]
        chains.append(f"[{number}:{part.track}]{','.join(filters)}{label}")
    return "".join(labels), [f"concat=n={len(labels)}:v=0:a=1", "asetpts=round(N/SR/TB)"], chains


def _shared(audio: SourceAudio) -> list[str]:
    filters = [] if audio.is_finite else [_FINITE]
    if audio.codec in _GUESSES_POSITIONS and layout_of(audio.layout) is None:
        filters.append(channelmap(f"{audio.channels}C", range(audio.channels)))
    if not has_clock(audio.container):
        return [*filters, "asetpts=round(N/SR/TB)"]
    late = late_seconds(audio) > 0
    is_shifted = audio.container in _NUMBERS_FROM_ANYWHERE and audio.starts_at_seconds > 0
    if is_shifted:
        filters.append(f"asetpts=PTS-{audio.starts_at_seconds:.6f}/TB")
    gap = _FRAME_GAP_SECONDS if audio.loses_frames or audio.container in _COUNTED_CLOCK else SHORTEST_PAUSE_SECONDS
    # The first chunk of an AVI may have no sound, as with Vorbis, and the second come late.
    may_lack_start = audio.loses_frames or audio.container == Container.AVI
    begins_at_zero = late or (may_lack_start and not audio.changes_format)
    clock = clock_of_outputs(
        gap_seconds=gap,
        pause_seconds=longest_pause_seconds(audio),
        start_seconds=0.0 if late or is_shifted else audio.starts_at_seconds,
        changes_format=audio.changes_format,
        may_begin_late=begins_at_zero,
    )
    padded = [f"asetpts='{clock}'", _PADDED + (":first_pts=0" if begins_at_zero else "")]
    return [*filters, *padded, *_sound_alone(audio), *_silent_end(audio)]


def _sound_alone(audio: SourceAudio) -> list[str]:
    """The filters that leave out the decoder's delay and what fills up the last frame, where no demuxer does so."""
    if audio.structure.sound_samples is None:
        return []
    first, behind = audio.structure.sound_samples
    return [f"atrim=start_sample={first}:end_sample={behind}", "asetpts=round(N/SR/TB)"]


def _silent_end(audio: SourceAudio) -> list[str]:
    """The filter that adds silence for last frames that cannot be decoded: no later frame shows that they are missing.

    A source whose format changes has filters of its own for each stretch, and only the last stretch has the end.
    """
    may_lack = audio.loses_frames and not audio.changes_format and audio.container not in _WITHOUT_SILENT_END
    seconds = (audio.duration_seconds or 0.0) - _CLOCK_STEP_SECONDS
    return [f"apad=whole_dur={seconds:.6f}"] if may_lack and seconds > 0 else []


def _made_like(whole: SourceAudio, part: SourceAudio) -> list[str]:
    filters = [] if part.layout == whole.layout else [relaid(part, whole.layout, whole.channels)]
    if part.sample_rate_hz != whole.sample_rate_hz:
        filters.append(f"aresample={whole.sample_rate_hz}")
    if any(each.codec != whole.codec for each in whole.parts):
        filters.append("aformat=sample_fmts=fltp")  # holds 24 bits; left to itself, ffmpeg may take 16 for all
    return filters


def _own(audio: SourceAudio, encoding: Encoding) -> list[str]:
    layout, filters = mapped(audio, encoding)[0], selection_filters(audio, encoding)
    if encoding.gain is not None:
        filters += gain_filters(encoding.gain, audio.sample_rate_hz, encoding.sample_rate_hz)
    encoder = encoder_for(encoding)
    if audio.may_be_huge and not encoder.name_for(encoding.bits_per_sample, encoding.codec).startswith(_FLOAT):
        filters.append(_CLIPPED)
    if layout and (order := encoder.orders.get(layout)):
        filters.append(channelmap(layout, order))
    seconds = audio.duration_seconds
    if encoding.cut is not None and encoding.cut.end_seconds is not None:
        # Of whole samples: a fraction would be filled up with one more.
        seconds = cut_length_samples(encoding.cut, audio.sample_rate_hz) / audio.sample_rate_hz
    if seconds is not None and seconds < _SHORT_SECONDS:
        # For a few samples the resampler returns nothing: the missing ones are silence.
        samples = max(1, math.ceil(round(seconds * encoding.sample_rate_hz, 6)))
        filters += [f"aresample={encoding.sample_rate_hz}", f"apad=whole_len={samples}"]
    return filters


def _peaks(audio: SourceAudio, encoding: Encoding, target_fd: int) -> list[str]:
    """The filters that print the peaks of a waveform.

    They feed a further output: they hold back samples, and lose them where the source's format changes, while the
    samples of the waveform's own output have to be counted.
    """
    waveform, layout = encoding.waveform, target_layout(audio, encoding)
    printing = [] if waveform is None else peak_filters(waveform, encoding.sample_rate_hz, layout, target_fd)
    return [*_own(audio, encoding), *printing]


def selection_filters(audio: SourceAudio, encoding: Encoding | None) -> list[str]:
    """The filters that take the part and the channels of the source that an output has."""
    if encoding is None:
        return []
    filters = [] if encoding.cut is None else cut_filters(encoding.cut, audio.sample_rate_hz)
    _, pan = mapped(audio, encoding)
    return [*filters, pan] if pan else filters
