"""The filters that bring the channels of the source to those of an output."""

from __future__ import annotations

from collections.abc import Sequence

from worker.adapters.ffmpeg.encoders import Encoder, encoder_for
from worker.domain.encoding import Encoding
from worker.domain.mixing import LAYOUTS, in_order, layout_of, mix, mix_of_discrete, name_of, permutation
from worker.ports import SourceAudio

_NAMED = frozenset(LAYOUTS.values()) - {LAYOUTS[name] for name in ("7.2.3", "downmix", "binaural")}
_LABELS = {len(LAYOUTS[name]): name for name in ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1", "7.1.4")}


def target_layout(audio: SourceAudio, encoding: Encoding) -> str | None:
    """The layout that the encoder is given, by ffmpeg's name. None where its channels have no positions."""
    return mapped(audio, encoding)[0]


def mapped(audio: SourceAudio, encoding: Encoding) -> tuple[str | None, str | None]:
    """The output's layout, and the filter that takes or mixes the source's channels.

    The layout is None where the channels have no positions, and the filter is None where none is needed.
    """
    if encoding.pick_channel is not None:
        return "mono", _picked(audio, encoding.pick_channel - 1)
    if encoding.samples_in not in {None, audio.layout}:
        layout = encoding.samples_in
        return layout if layout_of(layout) else None, relaid(audio, layout, encoding.channels)
    return _target(encoder_for(encoding), audio, encoding.channels)


def _picked(audio: SourceAudio, number: int) -> str:
    """The filter that takes one of the source's channels, counted from 0.

    It takes it by name: where the layout changes, another may have that number, or none. What is there then is mixed
    to the source's layout, as it is for an output with all channels.
    """
    source = layout_of(audio.layout)
    if source not in _NAMED:
        return channelmap("mono", [number])
    if audio.changes_format:
        return _pan("mono", [_by_name(mix(source, source)[number])], "<")
    return _pan("mono", [{source[number]: 1.0}], "=")


def relaid(audio: SourceAudio, layout: str, channels: int) -> str:
    """The filter that mixes the source's channels to a layout, by ffmpeg's name.

    Where the layout has no positions, the filter mixes to `channels` discrete channels.
    """
    source, target = layout_of(audio.layout), layout_of(layout)
    if source and target:
        return _mix(layout, source, target)
    return _pan(layout if target else f"{channels}C", _numbered(mix_of_discrete(audio.channels, channels)), "=")


def channelmap(layout: str, order: Sequence[int]) -> str:
    return f"channelmap={'|'.join(map(str, order))}:{layout}"


def _renamed(layout: str, source: tuple[str, ...], order: Sequence[int]) -> str:
    """The filter that gives the source's channels another layout, in this order and without a mix.

    Where the two layouts differ only in calling a channel a side or a back, it takes the channels by name: one that is
    gone after a change of the source's layout becomes silence. Between other layouts, the filter that takes channels
    by name would mix them.
    """
    if source in _NAMED and _with_backs(source) == _with_backs(LAYOUTS[layout]):
        return _pan(layout, [{source[number]: 1.0} for number in order], "=")
    return channelmap(layout, order)


def _with_backs(positions: tuple[str, ...]) -> list[str]:
    return [{"SL": "BL", "SR": "BR"}.get(each, each) for each in positions]


def _target(encoder: Encoder, audio: SourceAudio, channels: int) -> tuple[str | None, str | None]:
    """The output's layout and the filter that makes it, where one is needed."""
    source = layout_of(audio.layout)
    if source is None:
        return _target_of_discrete_channels(encoder, audio.channels, channels)
    default = encoder.layout(channels)
    if channels == len(source):
        ordered, is_clear = in_order(source), len(set(source)) == channels
        if ordered != source and is_clear and encoder.holds(usual := name_of(ordered)):
            return usual, channelmap(usual, [source.index(position) for position in ordered])
        if encoder.holds(audio.layout):
            changes = audio.changes_format and source in _NAMED
            return audio.layout, _mix_of_any(audio.layout, source, source) if changes else None
        for name in encoder.held_with(channels):
            if order := permutation(source, LAYOUTS[name]):
                if audio.changes_format:
                    return name, _mix_of_any(name, source, LAYOUTS[name])
                return name, _renamed(name, source, order)
        if encoder.is_lossless and default is not None:
            return default, channelmap(default, range(channels))
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
    """The filter that mixes the source's positions to those of `target`.

    A mix to more than two channels takes only positions that the source has at its start, which keeps their balance.
    """
    if len(target) <= 2:
        return _mix_of_any(layout, source, target)
    return _mix_of_first(layout, source, target)


def _mix_of_any(layout: str, source: tuple[str, ...], target: tuple[str, ...]) -> str:
    """The filter that mixes positions by name, with those that the source lacks now but may have later.

    The filter scales the gains of the positions that are there, so that they add up to 1.
    """
    if source not in _NAMED:
        return _mix_of_first(layout, source, target)
    return _pan(layout, [_by_name(row) for row in mix(source, target)], "<")


def _mix_of_first(layout: str, source: tuple[str, ...], target: tuple[str, ...]) -> str:
    rows = mix(source, target)
    numbered = [{f"c{number}": row[name] for number, name in enumerate(source) if name in row} for row in rows]
    pan = _pan(layout, numbered, "=")
    # The mixer refuses layouts that have no name. Under another one the channels keep their numbers.
    return pan if source in _NAMED else f"{channelmap(_LABELS[len(source)], range(len(source)))},{pan}"


def _by_name(row: dict[str, float]) -> dict[str, float]:
    return {name: gain for name, gain in row.items() if name != "LFE2"}  # which the mixer does not know


def _pan(layout: str, rows: Sequence[dict[str, float]], sign: str) -> str:
    """`=` takes the gains as they are, `<` makes those of each channel add up to 1."""
    channels = [
        f"c{number}{sign}{'+'.join(f'{gain:.5f}*{name}' for name, gain in row.items()) or '0*c0'}"
        for number, row in enumerate(rows)
    ]
    return "|".join([f"pan={layout}", *channels])
