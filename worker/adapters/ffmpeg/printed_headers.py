"""What ffmpeg says of its source: codec, rate, channels, length.

The description of the source is the one part that its tags can forge (see `log`). A line that stands there twice
is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.adapters.ffmpeg.command import can_decode
from worker.adapters.ffmpeg.log import Log
from worker.domain.errors import UnsupportedAudioError

NOT_DECODED = "the source's audio codec is not supported"
_AMBISONIC = "ambisonic sound, whose channels are not those of loudspeakers, is not supported"
TOO_MUCH_DAMAGED = "the source is damaged: too much of it cannot be decoded"

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?),", re.MULTILINE)
_STREAM = re.compile(r"^  Stream #0:(\d+)\S*: (Video|Audio): (.*)$", re.MULTILINE)
_ATTACHED = "(attached pic)"
_WITHOUT_DURATION = ("Input #0, mpegts,", "Input #0, mpeg,")  # they have clocks and no durations
_FACT = re.compile(r"^#(tb|codec_id|sample_rate|channel_layout_name) (\d+): (.+)$", re.MULTILINE)
_PACKET = re.compile(r"^(\d+), +-?\d+, +(-?\d+), ", re.MULTILINE)
_SAMPLE_FORMAT = re.compile(r", (u8|s16|s32|flt|dbl)p?\b(?: \((\d+) bit\))?")
_SAMPLE_BITS = {"u8": 8, "s16": 16, "s32": 32, "flt": 32, "dbl": 64}
_FLOATS = {"flt", "dbl"}
_TELEPHONY = {"pcm_alaw", "pcm_mulaw"}
_TELEPHONY_BITS = 8  # ITU-T G.711; the decoder makes 16 of them
_USUAL_BITS = 16  # where the description does not tell
_LOSSLESS = re.compile(r"pcm_(?!alaw|mulaw).*|flac|alac|ape|tta|wavpack|wmalossless|mlp|truehd")

_NAMED_LAYOUTS = {
    "mono": 1,
    "stereo": 2,
    "downmix": 2,
    "binaural": 2,
    "quad": 4,
    "hexagonal": 6,
    "octagonal": 8,
    "cube": 8,
    "hexadecagonal": 16,
}
_COUNTED_LAYOUT = re.compile(r"(\d+) channels\b")
_DOTTED_LAYOUT = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Headers:
    """What the probe read. `duration_seconds` is None where it would be a guess, or another stream's."""

    codec: str
    sample_rate_hz: int
    channels: int
    layout: str
    bits_per_sample: int | None  # as they are stored; None for lossy codecs
    is_float: bool
    duration_seconds: float | None
    track: int  # among all streams
    audio_track: int  # among those of sound
    starts_at_seconds: float


def read_headers(facts: str, log: Log) -> Headers:
    """The headers of the first track that can be decoded, from the text muxer's lines and from ffmpeg's description.

    Raises UnsupportedAudioError where there is none.
    """
    found: dict[str, dict[str, str]] = {}
    for name, number, value in _FACT.findall(facts):
        found.setdefault(number, {})[name] = value
    is_ambisonic = False
    for number, track in zip(found, log.tracks, strict=False):
        codec, layout = found[number].get("codec_id", "none"), found[number].get("channel_layout_name", "")
        channels = count_channels(layout)
        if can_decode(codec) and found[number].get("sample_rate", "").isdigit() and channels is not None:
            return Headers(
                codec=codec,
                sample_rate_hz=int(found[number]["sample_rate"]),
                channels=channels,
                layout={1: "mono", 2: "stereo"}.get(channels, layout) if layout.endswith("channels") else layout,
                bits_per_sample=_sample_bits(codec, log.described, track),
                is_float=codec.startswith("pcm_f") or (codec == "wavpack" and _is_float(log.described, track)),
                duration_seconds=_duration(log),
                track=track,
                audio_track=sorted(set(log.tracks)).index(track),
                starts_at_seconds=_start(facts, number, found[number].get("tb", "")),
            )
        is_ambisonic |= can_decode(codec) and layout.startswith("ambisonic")
    raise UnsupportedAudioError(_AMBISONIC if is_ambisonic else NOT_DECODED)


def has_packet(facts: str) -> bool:
    """Whether the text muxer has printed a packet. Of a source with one track, nothing is read behind that line."""
    return _PACKET.search(facts) is not None


def is_lossless(codec: str) -> bool:
    """Whether a decoder gives exactly what was recorded, so that an error in it is lost sound."""
    return _LOSSLESS.fullmatch(codec) is not None


def count_channels(layout: str) -> int | None:
    """How many channels a layout has, by its name, such as `stereo`, `5.1(side)`, `7.1.4` or `20 channels`."""
    if counted := _COUNTED_LAYOUT.match(layout):
        return int(counted[1])
    name = layout.partition("(")[0]
    if _DOTTED_LAYOUT.fullmatch(name):
        return sum(map(int, name.split(".")))
    return _NAMED_LAYOUTS.get(name)


def _sample_bits(codec: str, described: str, track: int) -> int | None:
    """The bits per sample that a track stores; None where its codec has none. 16 where the description lacks them."""
    if codec in _TELEPHONY:
        return _TELEPHONY_BITS
    if not is_lossless(codec):
        return None
    found = _sample_format(described, track)
    return _USUAL_BITS if found is None else int(found[2] or _SAMPLE_BITS[found[1]])


def _is_float(described: str, track: int) -> bool:
    found = _sample_format(described, track)
    return found is not None and found[1] in _FLOATS


def _sample_format(described: str, track: int) -> re.Match[str] | None:
    """The sample format's name and, where not all of its bits are used, how many are.

    None where the description has no such line of the track, or several.
    """
    source = described.partition("\nOutput #0")[0]
    streams = [text for number, _, text in _STREAM.findall(source) if int(number) == track]
    return _SAMPLE_FORMAT.search(streams[0]) if len(streams) == 1 else None


def _start(facts: str, number: str, time_base: str) -> float:
    """When the first packet of a track is played, in seconds on the source's clock."""
    first = next((packet[2] for packet in _PACKET.finditer(facts) if packet[1] == number), None)
    ticks, _, per_second = time_base.partition("/")
    if first is None or not (ticks.isdigit() and per_second.isdigit() and int(per_second)):
        return 0.0
    return max(0.0, int(first) * int(ticks) / int(per_second))


def _duration(log: Log) -> float | None:
    source = log.described.partition("\nOutput #0")[0]
    streams = [text for _, _, text in _STREAM.findall(source) if _ATTACHED not in text]
    matches = _DURATION.findall(source)
    if len(matches) != 1 or log.is_estimated or len(streams) != 1 or source.startswith(_WITHOUT_DURATION):
        return None  # with several streams it is the longest's
    hours, minutes, seconds = matches[0]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
