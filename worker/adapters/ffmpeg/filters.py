"""The filter graph between the decoder and the encoders. Its first part, the clock, is shared by all outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.adapters.ffmpeg.clock import clock_of_outputs, longest_pause_seconds
from worker.adapters.ffmpeg.cuts import cut_filters, cut_length_samples
from worker.adapters.ffmpeg.encoders import Encoder, encoder_for
from worker.adapters.ffmpeg.levels import gain_filters
from worker.adapters.ffmpeg.peaks import peak_filters
from worker.domain.containers.kinds import Container
from worker.domain.encoding import Encoding
from worker.domain.mixing import LAYOUTS, layout_of, mix, mix_of_discrete, permutation
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
# Their stated length is not exact enough for silence up to it, or nothing can be lost at their end unnoticed.
_WITHOUT_SILENT_END = _WITHOUT_CLOCK | {Container.MATROSKA, Container.OGG}
# Their layout changes where a broadcast goes over to another programme, or an advertisement was put in.
_CHANGES_LAYOUT = frozenset({Container.MP3, Container.ADTS, Container.MPEGTS})
# A piece cut out of such a file keeps the numbers of its samples: before the first of them nothing is missing.
_NUMBERS_FROM_ANYWHERE = frozenset({Container.WAVPACK})
# Their decoders name positions by the number of channels where the source names none.
_GUESSES_POSITIONS = frozenset({"tta", "wavpack"})
_FRAME_GAP_SECONDS = 0.01  # less than any frame, but for the short ones of Vorbis
_LATE_SECONDS = 0.01
SHORTEST_PAUSE_SECONDS = 0.1  # what recorders' clocks jitter by is less; what is less adds up until it is a gap
_SHORT_SECONDS = 0.1
_NAMED = frozenset(LAYOUTS.values()) - {LAYOUTS[name] for name in ("7.2.3", "downmix", "binaural")}
_LABELS = {len(LAYOUTS[name]): name for name in ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1", "7.1.4")}

# Encoders refuse what is not a number, or infinite, or make a full-scale click of it: here it is silence. The first
# such sample is said at ffmpeg's level 40 (verbose), by a number that the clock never prints.
_FINITE = "aeval=exprs='if(lt(abs(val(ch)),1e30),val(ch),if(ld(0),0,st(0,1)*0+print(-1,40)*0))':c=same"

_CLOCK_STEP_SECONDS = 0.001  # silence within the sound is as much shorter or longer
_PADDED = "aresample=async=1:min_comp=0.001:min_hard_comp=0.001"


def has_clock(container: str) -> bool:
    """Whether the container says when a frame is played, so that silence takes the place of what is missing."""
    return container not in _WITHOUT_CLOCK


def has_counted_frames(container: str) -> bool:
    """Whether the source's length is the sum of its frames, so that no pause can be part of it."""
    return container in _COUNTED_FRAMES


def late_seconds(audio: SourceAudio) -> float:
    """How much silence is put before the sound of a source whose clock begins before its sound.

    It is 0 where the source's format changes: the resampler would begin anew at each change, and put it there again.
    """
    return 0.0 if audio.changes_format else begins_late_seconds(audio)


def begins_late_seconds(audio: SourceAudio) -> float:
    """How long the clock of a source runs before its sound begins; 0 where that is another recording's clock."""
    has_start = has_clock(audio.container) and audio.container not in _NUMBERS_FROM_ANYWHERE
    late = _LATE_SECONDS < audio.starts_at_seconds <= longest_pause_seconds(audio)
    return audio.starts_at_seconds if late and has_start else 0.0


def has_reference(encodings: Sequence[Encoding]) -> bool:
    """Whether all of the source is decoded to nowhere besides, because the outputs do not show how long it is."""
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
    """The inputs and filters that join a source's parts, and the chains that make them alike: each with a label."""
    labels = [f"[p{number}]" for number in range(len(audio.parts))]
    chains = []
    for number, (part, label) in enumerate(zip(audio.parts, labels, strict=True)):
        filters = [*_shared(replace(part, loses_frames=audio.loses_frames)), *_made_like(audio, part)]
        chains.append(f"[{number}:{part.track}]{','.join(filters)}{label}")
    return "".join(labels), [f"concat=n={len(labels)}:v=0:a=1", "asetpts=round(N/SR/TB)"], chains


def target_layout(audio: SourceAudio, encoding: Encoding) -> str | None:
    """The layout that the encoder is given, by ffmpeg's name. None: as many discrete channels as come in."""
    return _mapped(audio, encoding)[0]


def _shared(audio: SourceAudio) -> list[str]:
    filters = [] if audio.is_finite else [_FINITE]
    if audio.codec in _GUESSES_POSITIONS and layout_of(audio.layout) is None:
        filters.append(_channelmap(f"{audio.channels}C", range(audio.channels)))
    if not has_clock(audio.container):
        return [*filters, "asetpts=round(N/SR/TB)"]
    late = late_seconds(audio) > 0
    is_shifted = audio.container in _NUMBERS_FROM_ANYWHERE and audio.starts_at_seconds > 0
    if is_shifted:
        filters.append(f"asetpts=PTS-{audio.starts_at_seconds:.6f}/TB")
    gap = _FRAME_GAP_SECONDS if audio.loses_frames or audio.container in _COUNTED_CLOCK else SHORTEST_PAUSE_SECONDS
    clock = clock_of_outputs(
        gap_seconds=gap,
        pause_seconds=longest_pause_seconds(audio),
        start_seconds=0.0 if late or is_shifted else audio.starts_at_seconds,
        changes_format=audio.changes_format,
    )
    padded = [f"asetpts='{clock}'", _PADDED + (":first_pts=0" if late else "")]
    return [*filters, *padded, *_silent_end(audio)]


def _silent_end(audio: SourceAudio) -> list[str]:
    """Silence for last frames that cannot be decoded: no frame comes behind them that would be late.

    A source whose format changes has filters of its own for each stretch, and only the last stretch has the end.
    """
    may_lack = audio.loses_frames and not audio.changes_format and audio.container not in _WITHOUT_SILENT_END
    seconds = (audio.duration_seconds or 0.0) - _CLOCK_STEP_SECONDS
    return [f"apad=whole_dur={seconds:.6f}"] if may_lack and seconds > 0 else []


def _made_like(whole: SourceAudio, part: SourceAudio) -> list[str]:
    filters = [] if part.layout == whole.layout else [_relaid(part, whole.layout, whole.channels)]
    if part.sample_rate_hz != whole.sample_rate_hz:
        filters.append(f"aresample={whole.sample_rate_hz}")
    if any(each.codec != whole.codec for each in whole.parts):
        filters.append("aformat=sample_fmts=fltp")  # holds 24 bits; left to itself, ffmpeg may take 16 for all
    return filters


def _relaid(audio: SourceAudio, layout: str, channels: int) -> str:
    """The filter that brings the source's channels into another layout of so many."""
    source, target = layout_of(audio.layout), layout_of(layout)
    if source and target:
        return _mix(layout, source, target)
    return _pan(layout if target else f"{channels}C", _numbered(mix_of_discrete(audio.channels, channels)), "=")


def _own(audio: SourceAudio, encoding: Encoding) -> list[str]:
    layout, filters = _mapped(audio, encoding)[0], selection_filters(audio, encoding)
    if encoding.gain is not None:
        filters += gain_filters(encoding.gain, audio.sample_rate_hz, encoding.sample_rate_hz)
    if layout and (order := encoder_for(encoding).orders.get(layout)):
        filters.append(_channelmap(layout, order))
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
    """What prints the peaks of a waveform.

    It has an end of its own: it holds back samples and loses them where the source's format changes, and those that
    come out of the output itself are counted.
    """
    waveform, layout = encoding.waveform, target_layout(audio, encoding)
    printing = [] if waveform is None else peak_filters(waveform, encoding.sample_rate_hz, layout, target_fd)
    return [*_own(audio, encoding), *printing]


def selection_filters(audio: SourceAudio, encoding: Encoding | None) -> list[str]:
    """The filters that take the part and the channels of the source that an output has."""
    if encoding is None:
        return []
    filters = [] if encoding.cut is None else cut_filters(encoding.cut, audio.sample_rate_hz)
    _, pan = _mapped(audio, encoding)
    return [*filters, pan] if pan else filters


def _mapped(audio: SourceAudio, encoding: Encoding) -> tuple[str | None, str | None]:
    """The output's layout, and the filter that takes or mixes the source's channels, where one is needed."""
    if encoding.pick_channel is not None:
        return "mono", _channelmap("mono", [encoding.pick_channel - 1])
    if encoding.samples_in not in {None, audio.layout}:
        layout = encoding.samples_in
        return layout if layout_of(layout) else None, _relaid(audio, layout, encoding.channels)
    return _target(encoder_for(encoding), audio, encoding.channels)


def _target(encoder: Encoder, audio: SourceAudio, channels: int) -> tuple[str | None, str | None]:
    """The output's layout and the filter that makes it, where one is needed."""
    source = layout_of(audio.layout)
    if source is None:
        return _target_of_discrete_channels(encoder, audio.channels, channels)
    default = encoder.layout(channels)
    if channels == len(source):
        if encoder.holds(audio.layout):
            changes = audio.changes_format and audio.container in _CHANGES_LAYOUT and channels <= 2
            return audio.layout, _mix(audio.layout, source, source) if changes else None
        for name in encoder.held_with(channels):
            if order := permutation(source, LAYOUTS[name]):
                return name, _channelmap(name, order)
        if encoder.is_lossless and default is not None:
            return default, _channelmap(default, range(channels))
    if default is None:
        return _target_of_discrete_channels(encoder, len(source), channels)
    return default, _mix(default, source, LAYOUTS[default])


def _target_of_discrete_channels(encoder: Encoder, discrete: int, channels: int) -> tuple[str | None, str | None]:
    if discrete == channels and (encoder.holds_discrete_channels or encoder.layout(channels) is None):
        return None, None
    name = encoder.layout_of_discrete_channels(channels)
    if name is None:
        return None, _pan(f"{channels}C", _numbered(mix_of_discrete(discrete, channels)), "=")
    full = [place for place in LAYOUTS[name] if place != "LFE" or encoder.is_lossless]
    rows = dict(zip(full, _numbered(mix_of_discrete(discrete, len(full))), strict=True))
    return name, _pan(name, [rows.get(place, {}) for place in LAYOUTS[name]], "=")


def _numbered(rows: Sequence[dict[int, float]]) -> list[dict[str, float]]:
    return [{f"c{number}": gain for number, gain in row.items()} for row in rows]


def _mix(layout: str, source: tuple[str, ...], target: tuple[str, ...]) -> str:
    """The filter that mixes the source's positions.

    To mono and stereo it takes positions by name, those that the source has not now but may have later as well, and
    makes the gains of those that are there add up to 1. More channels are mixed by what the source has from the start.
    """
    rows = mix(source, target)
    if len(target) <= 2 and source in _NAMED:
        return _pan(layout, [{name: row[name] for name in row if name != "LFE2"} for row in rows], "<")
    numbered = [{f"c{number}": row[name] for number, name in enumerate(source) if name in row} for row in rows]
    pan = _pan(layout, numbered, "=")
    # The mixer refuses layouts that have no name. Under another one the channels keep their numbers.
    return pan if source in _NAMED else f"{_channelmap(_LABELS[len(source)], range(len(source)))},{pan}"


def _channelmap(layout: str, order: Sequence[int]) -> str:
    return f"channelmap={'|'.join(map(str, order))}:{layout}"


def _pan(layout: str, rows: Sequence[dict[str, float]], sign: str) -> str:
    """`=` takes the gains as they are, `<` makes those of each channel add up to 1."""
    channels = [
        f"c{number}{sign}{'+'.join(f'{gain:.5f}*{name}' for name, gain in row.items()) or '0*c0'}"
        for number, row in enumerate(rows)
    ]
    return "|".join([f"pan={layout}", *channels])
