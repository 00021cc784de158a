"""What ffmpeg says on standard error, read as it comes: its own words, apart from those that the source brought.

ffmpeg prints the source's tags among its own lines, line breaks included. It is made to colour what it says itself
(AV_LOG_FORCE_COLOR), and in what it prints it replaces the escape character, so a line that begins with a colour
cannot come from a tag. All other lines are ignored, except the description of the source (see `report`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from worker.domain.errors import UnsupportedAudioError
from worker.domain.report import MAX_SILENCES

# The first holds the description of a source with 9,000 chapters. The second holds what ffmpeg says of 16 outputs with
# as many chapters each, or of twelve hours of pauses.
MAX_DESCRIPTION_BYTES = 2 * 1024 * 1024
MAX_LOG_BYTES = 48 * 1024 * 1024
_KEPT_DESCRIPTION_BYTES = 131_072  # tags are printed there, and lyrics are long
_MAX_LINE_BYTES = 4096
_MAX_ERRORS = 20
_MAX_NAMES = 1024  # of inputs, outputs and filters: a conversion has some hundreds
PROBE_MUXER = "framecrc"
_TOO_MUCH = "the source is damaged, or has too many chapters, tags or tracks: the converter says more than can be read"
_TOO_MANY_CHANGES = "the format of the source changes too often for what is measured of it"

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_LINE = re.compile(
    r"(?:\x1b\[0m)?"
    r"(?:\x1b\[(?P<class>\d;3\d)m\[(?P<context>[^\]]*?)(?: @ 0x[0-9a-f]+)?\] \x1b\[0m)?"
    r"(?:\x1b\[\d;3\dm\[[^\]]*\] \x1b\[0m)*"
    r"\x1b\[(?P<level>\d;3\d)m(?P<text>.*)",
    re.DOTALL,
)
_N = r"(\d{1,18})"  # ffmpeg counts in 64 bits; a longer number is none of its own, and too large to reckon with
_DECODED = re.compile(
    rf"  Input stream #{_N}:\d+ \(audio\): {_N} packets read \({_N} bytes\); {_N} frames decoded; "
    rf"{_N} decode errors \({_N} samples\)"
)
_ENCODED = re.compile(rf"  Output stream #{_N}:0 \(audio\): \d+ frames encoded \({_N} samples\)")
_GRAPH_INPUT = re.compile(rf"graph_\d+_in_{_N}:\d+")
_GRAPH = re.compile(r"tb:\S+ samplefmt:\S+ samplerate:([1-9]\d{0,17}) chlayout:")
_CREATED = re.compile(rf"Created audio stream from input stream 0:{_N}")
_TOO_LATE = re.compile(r"(\d{1,18}\.\d+)$")  # printed by the filter that keeps the clock
_NO_NUMBER = "-1.000000"  # printed by the filter that makes silence of such samples
_MOST_FILLED_SAMPLES = 16_384  # at once: for more the resampler says so several times, and a smaller number last
_FILLED = re.compile(rf"adding {_N} audio samples of silence")
_ESTIMATED = "Estimating duration from bitrate"
_FRAMES_IN_DISORDER = "sample/frame number mismatch in adjacent frames"  # of FLAC: only a warning of its parser
# Of a demuxer, about what is no sound: such a picture or chapter is left out, and so is such metadata of FLV.
_OF_NO_SOUND = re.compile(
    r"(Attached picture|Could not read mimetype from an attached|Unknown attached picture|Invalid picture type"
    r"|Error (reading|parsing) (cover art|attached picture)|Chapter end time"
    r"|AMF_DATA_TYPE_STRING parsing|Missing AMF_END_OF_OBJECT in|Keyframe index parsing) "
)
# What a filter says to which the graph gives a name. Only the first line of it has a colour, and errors do not match.
_SAID = re.compile(r"(?:\x1b\[0m)?\x1b\[1;32m\[(\w+@\w+) @ 0x[0-9a-f]+\] \x1b\[0m(?!\x1b)(.*)", re.DOTALL)
_MAX_SAID_LINES = 4096  # of one filter: its summary has twelve
# This filter says two lines for each silence in the sound, and no summary.
_LISTS = "silencedetect@"
_LISTED = re.compile(r"silence_(?:start|end): ")
MAX_LISTED_LINES = 2 * MAX_SILENCES
_CHANNEL_MISSING = "ChannelElement 0.0 missing"  # of AAC that was mono; at level 40 (verbose)
_ERROR_LEVELS = frozenset({"1;31", "4;31"})  # and fatal


class Side(Enum):
    """Which part of ffmpeg said something, by the colour of its name."""

    DEMUXER = "0;35"
    DECODER = "0;36"
    MUXER = "1;35"
    ENCODER = "1;36"
    FILTER = "1;32"
    OTHER = ""


_SIDES: Mapping[str | None, Side] = {side.value: side for side in Side}


@dataclass(frozen=True, slots=True)
class LogError:
    """An error in ffmpeg's own words, which may name things of the source and are never shown to people."""

    side: Side
    context: str
    text: str

    @property
    def is_of_source(self) -> bool:
        return self.side in {Side.DEMUXER, Side.DECODER}

    @property
    def is_of_probe(self) -> bool:
        """Whether the muxer that prints the headers said it, which refuses only a track without a rate or a codec."""
        return self.side is Side.MUXER and self.context == PROBE_MUXER

    @property
    def is_of_demuxer(self) -> bool:
        is_decoders = self.context.startswith("aist#")  # its stream
        return self.side is Side.DEMUXER and not is_decoders and not _OF_NO_SOUND.match(f"{self.text} ")


class Decoded(NamedTuple):
    """What was decoded of an input, by ffmpeg's count."""

    packets: int  # of the audio stream
    read_bytes: int  # in them
    frames: int
    errors: int
    samples: int


@dataclass(slots=True)
class Log:
    """Reads the bytes of standard error. `feed` raises UnsupportedAudioError where there are too many of them."""

    max_bytes: int = MAX_LOG_BYTES
    described: str = ""  # the uncoloured part: what the source is
    errors: list[LogError] = field(default_factory=list)  # the first of them
    decoded: dict[int, Decoded] = field(default_factory=dict)  # by input
    encoded: dict[int, int] = field(default_factory=dict)  # samples by output
    rates_hz: dict[int, list[int]] = field(default_factory=dict)  # by input, of each stretch with a format of its own
    tracks: list[int] = field(default_factory=list)  # for each stream that was created, the source's it was made from
    left_out_seconds: float = 0.0  # the longest of the pauses that are too long to be filled with silence
    has_non_finite_samples: bool = False  # whether a sample was NaN or infinite
    frames_without_channel: int = 0  # of AAC: they lack a channel that the configuration names
    filled_samples: int = 0  # of silence in the place of pauses, at the source's rate
    filled_places: int = 0  # where silence was put: in pauses, and before sound that begins late
    is_estimated: bool = False  # whether ffmpeg has estimated the length from the bitrate
    said_bytes: int = 0
    said: dict[str, list[str]] = field(default_factory=dict)  # lines of the filters with a name of their own
    _rest: bytes = b""
    _speaker: str = ""  # the named filter that said the last line with a colour; empty where another part said it

    def feed(self, chunk: bytes) -> None:
        self.said_bytes += len(chunk)
        if self.said_bytes > self.max_bytes:
            raise UnsupportedAudioError(_TOO_MUCH)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _MAX_LINE_BYTES:
            self._rest = self._rest[:_MAX_LINE_BYTES]
        for line in lines:
            if line.startswith(b"\x1b"):
                self._take(line[:_MAX_LINE_BYTES].decode("utf-8", "replace"))
                if self._speaker.startswith(_LISTS):
                    self.said_bytes -= len(line)  # there are no more than the length of the sound allows
            elif self._speaker.startswith(_LISTS):
                continue  # each of its lines has a colour: this one is another's, and may be a tag
            elif self._speaker:
                self._keep_said(line[:_MAX_LINE_BYTES].decode("utf-8", "replace"))
            elif not self.is_description_full:
                self.described += line[:_MAX_LINE_BYTES].decode("utf-8", "replace") + "\n"
        if max(len(self.decoded), len(self.encoded), len(self.rates_hz), len(self.said)) > _MAX_NAMES:
            raise UnsupportedAudioError(_TOO_MUCH)

    @property
    def is_description_full(self) -> bool:
        """Whether as much of the description has come as is kept. The source's tags may be longer than that."""
        return len(self.described) >= _KEPT_DESCRIPTION_BYTES

    @property
    def has_lost_frames(self) -> bool:
        """Whether frames could not be decoded. False where ffmpeg ended before it counted them."""
        return any(decoded.errors for decoded in self.decoded.values())

    @property
    def changes(self) -> int:
        """How often the format of an input changed."""
        return sum(len(rates) - 1 for rates in self.rates_hz.values())

    @property
    def demuxer_error(self) -> LogError | None:
        """The first error in the source's structure; what its decoder said is counted elsewhere."""
        return next((each for each in self.errors if each.is_of_demuxer), None)

    def _take(self, line: str) -> None:
        self._speaker = ""
        if said := _SAID.fullmatch(line):
            self._speaker = said[1]
            self._keep_said(said[2])
            return
        match = _LINE.match(line)
        if match is None:
            self._describe_behind_colour(line)
            return
        text = match["text"]
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        context = match["context"] or ""
        if match["level"] in _ERROR_LEVELS or text == _FRAMES_IN_DISORDER:
            side = Side.DEMUXER if text == _FRAMES_IN_DISORDER else _SIDES.get(match["class"], Side.OTHER)
            error = LogError(side, context, text)
            if len(self.errors) < _MAX_ERRORS or (error.is_of_demuxer and self.demuxer_error is None):
                self.errors.append(error)
        elif counts := _DECODED.match(text):
            number, *numbers = map(int, counts.groups())
            self.decoded[number] = Decoded(*numbers)
        elif counts := _ENCODED.match(text):
            self.encoded[int(counts[1])] = int(counts[2])
        elif graph := _GRAPH.match(text):
            source = _GRAPH_INPUT.fullmatch(context)
            self.rates_hz.setdefault(int(source[1]) if source else 0, []).append(int(graph[1]))
        elif created := _CREATED.match(text):
            self.tracks.append(int(created[1]))
        else:
            self._note(text, match["class"])

    def _note(self, text: str, colour: str | None) -> None:
        """Note what a line below the level of errors says of the sound. `colour` is that of the part that said it."""
        if late := _TOO_LATE.match(text):
            self.left_out_seconds = max(self.left_out_seconds, float(late[1]))
        elif text == _NO_NUMBER:
            self.has_non_finite_samples = True
        elif text.startswith(_CHANNEL_MISSING) and colour == Side.DECODER.value:
            self.frames_without_channel += 1
        elif filled := _FILLED.match(text):
            self.filled_samples += int(filled[1])
            self.filled_places += int(filled[1]) < _MOST_FILLED_SAMPLES
        elif text.startswith(_ESTIMATED):
            self.is_estimated = True

    def _keep_said(self, line: str) -> None:
        lines = self.said.setdefault(self._speaker, [])
        if self._speaker.startswith(_LISTS):
            if len(lines) < MAX_LISTED_LINES and _LISTED.match(line):  # another part's words may follow
                lines.append(line)
            return
        if len(lines) == _MAX_SAID_LINES:  # what is left out might be the loudest, or the last sound
            raise UnsupportedAudioError(_TOO_MANY_CHANGES)
        lines.append(line)

    def _describe_behind_colour(self, line: str) -> None:
        """The first uncoloured line behind a coloured one begins with the end of the colour."""
        plain = line.removeprefix("\x1b[0m")
        if not self.is_description_full and not plain.startswith("\x1b"):
            self.described += plain + "\n"
