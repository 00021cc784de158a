"""Channel layouts, and the one matrix by which channels become fewer or other channels.

A layout is a tuple of positions in ffmpeg's names (https://ffmpeg.org/ffmpeg-utils.html#Channel-Layout), or None for
discrete channels, which have numbers and no positions.
"""

from __future__ import annotations

import re

Layout = tuple[str, ...] | None

_MINUS_3_DB = 0.707
_MINUS_6_DB = 0.5

LAYOUTS: dict[str, tuple[str, ...]] = {
    name: tuple(positions.split("+"))
    for name, positions in {
        "mono": "FC",
        "stereo": "FL+FR",
        "2.1": "FL+FR+LFE",
        "3.0": "FL+FR+FC",
        "3.0(back)": "FL+FR+BC",
        "4.0": "FL+FR+FC+BC",
        "quad": "FL+FR+BL+BR",
        "quad(side)": "FL+FR+SL+SR",
        "3.1": "FL+FR+FC+LFE",
        "5.0": "FL+FR+FC+BL+BR",
        "5.0(side)": "FL+FR+FC+SL+SR",
        "4.1": "FL+FR+FC+LFE+BC",
        "5.1": "FL+FR+FC+LFE+BL+BR",
        "5.1(side)": "FL+FR+FC+LFE+SL+SR",
        "6.0": "FL+FR+FC+BC+SL+SR",
        "6.0(front)": "FL+FR+FLC+FRC+SL+SR",
        "3.1.2": "FL+FR+FC+LFE+TFL+TFR",
        "hexagonal": "FL+FR+FC+BL+BR+BC",
        "6.1": "FL+FR+FC+LFE+BC+SL+SR",
        "6.1(back)": "FL+FR+FC+LFE+BL+BR+BC",
        "6.1(front)": "FL+FR+LFE+FLC+FRC+SL+SR",
        "7.0": "FL+FR+FC+BL+BR+SL+SR",
        "7.0(front)": "FL+FR+FC+FLC+FRC+SL+SR",
        "7.1": "FL+FR+FC+LFE+BL+BR+SL+SR",
        "7.1(wide)": "FL+FR+FC+LFE+BL+BR+FLC+FRC",
        "7.1(wide-side)": "FL+FR+FC+LFE+FLC+FRC+SL+SR",
        "5.1.2": "FL+FR+FC+LFE+SL+SR+TFL+TFR",
        "5.1.2(back)": "FL+FR+FC+LFE+BL+BR+TFL+TFR",
        "octagonal": "FL+FR+FC+BL+BR+BC+SL+SR",
        "cube": "FL+FR+BL+BR+TFL+TFR+TBL+TBR",
        "5.1.4": "FL+FR+FC+LFE+SL+SR+TFL+TFR+TBL+TBR",
        "7.1.2": "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR",
        "7.1.4": "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBL+TBR",
        "7.2.3": "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBC+LFE2",
        "9.1.4": "FL+FR+FC+LFE+BL+BR+FLC+FRC+SL+SR+TFL+TFR+TBL+TBR",
        "9.1.6": "FL+FR+FC+LFE+BL+BR+FLC+FRC+SL+SR+TFL+TFR+TBL+TBR+TSL+TSR",
        "hexadecagonal": "FL+FR+FC+BL+BR+BC+SL+SR+TFL+TFC+TFR+TBL+TBC+TBR+WL+WR",
        "binaural": "BIL+BIR",
        "downmix": "DL+DR",
    }.items()
}

# Where the sound of a position goes in a layout without it: the first line of which the layout has all positions.
# The sides of a pair stay apart; what is in the middle goes to both sides at -3 dB, which is as loud in sum
# (ITU-R BS.775, annex 4). The low frequencies are halved, not left out: every channel is heard.
_SUBSTITUTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "FL": (("FC",),),
    "FR": (("FC",),),
    "FC": (("FL", "FR"),),
    "LFE": (("LFE2",), ("FC",), ("FL", "FR")),
    "LFE2": (("LFE",), ("FC",), ("FL", "FR")),
    "BL": (("SL",), ("FL",), ("BC",), ("FC",)),
    "BR": (("SR",), ("FR",), ("BC",), ("FC",)),
    "SL": (("BL",), ("FL",), ("BC",), ("FC",)),
    "SR": (("BR",), ("FR",), ("BC",), ("FC",)),
    "BC": (("BL", "BR"), ("SL", "SR"), ("FL", "FR"), ("FC",)),
    "FLC": (("FL",), ("FC",)),
    "FRC": (("FR",), ("FC",)),
    "WL": (("FL",), ("FC",)),
    "WR": (("FR",), ("FC",)),
    "TFL": (("FL",), ("FC",)),
    "TFR": (("FR",), ("FC",)),
    "TFC": (("FC",), ("FL", "FR")),
    "TC": (("FC",), ("FL", "FR")),
    "TSL": (("SL",), ("BL",), ("FL",), ("FC",)),
    "TSR": (("SR",), ("BR",), ("FR",), ("FC",)),
    "TBL": (("BL",), ("SL",), ("FL",), ("FC",)),
    "TBR": (("BR",), ("SR",), ("FR",), ("FC",)),
    "TBC": (("BC",), ("BL", "BR"), ("SL", "SR"), ("FL", "FR"), ("FC",)),
    "BFL": (("FL",), ("FC",)),
    "BFR": (("FR",), ("FC",)),
    "BFC": (("FC",), ("FL", "FR")),
    "SDL": (("SL",), ("BL",), ("FL",), ("FC",)),
    "SDR": (("SR",), ("BR",), ("FR",), ("FC",)),
    "DL": (("FL",), ("FC",)),
    "DR": (("FR",), ("FC",)),
    "BIL": (("FL",), ("FC",)),
    "BIR": (("FR",), ("FC",)),
}
POSITIONS = tuple(_SUBSTITUTES)
_FULL_LEVEL = frozenset({"FL", "FR", "DL", "DR", "BIL", "BIR"})  # the rest is mixed in at -3 dB, LFE at -6 dB

# In which ffmpeg, WAV and FLAC have them under any name that tells no order (libavutil/channel_layout.h).
_ORDER = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC"),
    *("TBR", "DL", "DR", "WL", "WR", "SDL", "SDR", "LFE2", "TSL", "TSR", "BFC", "BFL", "BFR", "BIL", "BIR"),
)
_CUSTOM = re.compile(r"\d+ channels \(([A-Z0-9+]+)\)")


def layout_of(name: str) -> Layout:
    """The positions of a layout by its name, such as `5.1(side)` or `2 channels (SL+SR)`. None: discrete channels."""
    if custom := _CUSTOM.fullmatch(name):
        positions = tuple(custom[1].split("+"))
        return positions if set(positions) <= set(POSITIONS) else None
    return LAYOUTS.get(name)


def in_order(source: tuple[str, ...]) -> tuple[str, ...]:
    """The same positions in the usual order: QuickTime and CAF may have them in any."""
    return tuple(sorted(source, key=_ORDER.index))


def name_of(positions: tuple[str, ...]) -> str:
    """The name by which `layout_of` finds them."""
    named = (name for name, each in LAYOUTS.items() if each == positions)
    return next(named, f"{len(positions)} channels ({'+'.join(positions)})")


def gains(position: str, target: tuple[str, ...]) -> dict[str, float]:
    """How much of a position's sound goes to which positions of a layout, before all of them are normalised."""
    if position in target:
        return {position: 1.0}
    low = position in {"LFE", "LFE2"}
    for substitutes in _SUBSTITUTES[position]:
        if set(substitutes) <= set(target):
            if low or len(substitutes) > 1 or substitutes == ("FC",):
                gain = _MINUS_6_DB if low else _MINUS_3_DB
            else:
                gain = 1.0 if position in _FULL_LEVEL else _MINUS_3_DB
            return dict.fromkeys(substitutes, gain)
    return dict.fromkeys(target, _MINUS_3_DB)  # a layout that has no front at all, such as two side channels


def permutation(source: tuple[str, ...], target: tuple[str, ...]) -> tuple[int, ...] | None:
    """For each channel of the target, which channel of the source it is; None where channels have to be mixed."""
    places = [gains(position, target) for position in source]
    if len(source) != len(target) or any(len(place) != 1 for place in places):
        return None
    order = [next(iter(place)) for place in places]
    return tuple(order.index(position) for position in target) if set(order) == set(target) else None


def mix(source: tuple[str, ...], target: tuple[str, ...]) -> list[dict[str, float]]:
    """For each channel of the target how much it has of which positions.

    All positions are there, so that a source whose layout changes is mixed by it, too. The sum of what `source` has
    is at most 1 in each channel: nothing is clipped that was not, and the balance is kept.
    """
    rows: list[dict[str, float]] = [{} for _ in target]
    for position in POSITIONS:
        for place, gain in gains(position, target).items():
            rows[target.index(place)][position] = gain
    loudest = max(sum(row.get(position, 0.0) for position in source) for row in rows)
    return [{position: gain / loudest for position, gain in row.items()} for row in rows]


def mix_of_discrete(discrete: int, channels: int) -> list[dict[int, float]]:
    """For each of the `channels`: how much it has of which of so many `discrete` ones, counted from 0.

    Mono and stereo have all of them alike, because none is left or right; more channels have them in turn.
    Where there are as many channels, or more, each has its own.
    """
    if discrete <= channels:
        return [{number: 1.0} if number < discrete else {} for number in range(channels)]
    if channels <= 2:
        return [dict.fromkeys(range(discrete), 1 / discrete)] * channels
    shared = -(-discrete // channels)
    return [dict.fromkeys(range(channel, discrete, channels), 1 / shared) for channel in range(channels)]
