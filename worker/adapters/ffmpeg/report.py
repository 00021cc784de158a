"""What ffmpeg said: headers, progress, sample counts, and why it ended.

The description of the source is the one part that its tags can forge (see `log`). A line that stands there twice
is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from signal import Signals

from worker.adapters.ffmpeg.command import can_decode
from worker.adapters.ffmpeg.log import Log, Side
from worker.domain.errors import (
    ConverterCrashedError,
    ConverterFailedError,
    JobError,
    NoAudioError,
    UnsupportedAudioError,
    WorkspaceFullError,
)
from worker.ports import OutputLimitError

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?),", re.MULTILINE)
_STREAM = re.compile(r"^  Stream #0:(\d+)\S*: (Video|Audio): (.*)$", re.MULTILINE)
_ATTACHED = "(attached pic)"
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

# Exit codes are the low byte of ffmpeg's error (libavutil/error.h); each was provoked and measured.
_DAMAGED = "the source is damaged: too much of it cannot be decoded"
_UNREADABLE = "the source is damaged, or not what its first bytes say"
_NOT_DECODED = "the source's audio codec is not supported"
_INVALID_ARGUMENT = 234
_HEADER_LACKS = "the source is damaged: its header does not say what its sound is"
_TOO_MANY_TRACKS = "the source has more than 1000 tracks"
_PERMANENT = {
    8: _NOT_DECODED,  # no such decoder
    69: _DAMAGED,  # more decode errors than -max_error_rate
    176: _NOT_DECODED,  # a feature of the codec that FFmpeg lacks
    183: _UNREADABLE,  # invalid data
    187: _UNREADABLE,  # end of file while it was opened
    _INVALID_ARGUMENT: _NOT_DECODED,  # invalid argument: no decoder, or one that is not allowed
}
_BY_OTHERS = {244, 245, 255}  # no memory, no thread, asked to end
_OWN_SIGNALS = {Signals.SIGSEGV, Signals.SIGABRT, Signals.SIGFPE, Signals.SIGILL, Signals.SIGBUS}
_NO_SPACE = {134, 228}  # EDQUOT, ENOSPC
_NO_SPACE_TEXT = "No space left on device"  # where the exit code is that of another output
_FILE_LIMIT = {-Signals.SIGXFSZ, 229}  # EFBIG, where that signal is ignored


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


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through the converter, by ffmpeg's own counts."""

    read_bytes: int  # in packets of the audio stream
    decoded_frames: int
    decoded_samples: int
    decode_errors: int
    shortest_seconds: float  # of what was decoded, at the highest of its rates
    longest_seconds: float  # at the lowest of them; the same where there is one rate
    changes: int  # of its rate or channels
    left_out_seconds: float  # the longest of the pauses that are longer than silence is made for
    encoded_samples: tuple[int | None, ...]  # one for each output
    read_packets: int = 0  # of the audio stream
    filled_seconds: float = 0.0  # of silence in the place of pauses, at the highest rate
    frames_without_channel: int = 0  # see `Log`
    has_non_finite_samples: bool = False  # among the samples of a source that was decoded to see that


def read_headers(facts: str, log: Log) -> Headers:
    """Of the first track that can be decoded, from the text muxer's lines and the description on standard error.

    Raises UnsupportedAudioError where there is none.
    """
    found: dict[str, dict[str, str]] = {}
    for name, number, value in _FACT.findall(facts):
        found.setdefault(number, {})[name] = value
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
    raise UnsupportedAudioError(_NOT_DECODED)


def has_packet(facts: str) -> bool:
    """Whether the text muxer has printed all that is read of its lines of a single track."""
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
    """Of a track that is lossless. What is not known, or stands there twice, is taken for the usual."""
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
    """Its name and, where some of its bits are unused, how many are not; None where that stands there twice."""
    source = described.partition("\nOutput #0")[0]
    streams = [text for number, _, text in _STREAM.findall(source) if int(number) == track]
    return _SAMPLE_FORMAT.search(streams[0]) if len(streams) == 1 else None


def _start(facts: str, number: str, time_base: str) -> float:
    """When the first packet of a track is played."""
    first = next((packet[2] for packet in _PACKET.finditer(facts) if packet[1] == number), None)
    ticks, _, per_second = time_base.partition("/")
    if first is None or not (ticks.isdigit() and per_second.isdigit() and int(per_second)):
        return 0.0
    return max(0.0, int(first) * int(ticks) / int(per_second))


def _duration(log: Log) -> float | None:
    source = log.described.partition("\nOutput #0")[0]
    streams = [text for _, _, text in _STREAM.findall(source) if _ATTACHED not in text]
    matches = _DURATION.findall(source)
    if len(matches) != 1 or log.is_estimated or len(streams) != 1 or source.startswith("Input #0, mpegts"):
        return None  # with several streams it is the longest's; MPEG-TS has clocks and no durations
    hours, minutes, seconds = matches[0]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


_MAX_PROGRESS_LINE_BYTES = 128  # ffmpeg's own are shorter: a name and a number


class ProgressReader:
    """Seconds of sound done, from the blocks of `-progress`. Of a line that is too long no more is kept than that."""

    def __init__(self) -> None:
        self._rest = b""
        self.has_ended = False
        self.seconds_done = 0.0

    def feed(self, chunk: bytes) -> bool:
        """Take what was printed; True where it brought a new position."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_MAX_PROGRESS_LINE_BYTES]
        before = self.seconds_done
        for line in lines:
            key, _, value = line[:_MAX_PROGRESS_LINE_BYTES].partition(b"=")
            if key == b"out_time_us" and value.isdigit():  # N/A and negative values come first
                self.seconds_done = max(self.seconds_done, int(value) / 1e6)
            elif key == b"progress":
                self.has_ended = value == b"end"
        return self.seconds_done > before


def read_counts(log: Log, outputs: int, rate_hz: int) -> Counts | None:
    """The last sample counts of a run, all inputs together; None where it never got so far.

    `rate_hz` is that of an input of which no sample came.
    """
    if not log.decoded:
        return None
    rates = {number: log.rates_hz.get(number, [rate_hz]) for number in log.decoded}
    return Counts(
        read_bytes=sum(each.read_bytes for each in log.decoded.values()),
        decoded_frames=sum(each.frames for each in log.decoded.values()),
        decoded_samples=sum(each.samples for each in log.decoded.values()),
        decode_errors=sum(each.errors for each in log.decoded.values()),
        shortest_seconds=sum(each.samples / max(rates[number]) for number, each in log.decoded.items()),
        longest_seconds=sum(each.samples / min(rates[number]) for number, each in log.decoded.items()),
        changes=log.changes,
        left_out_seconds=log.left_out_seconds,
        encoded_samples=tuple(log.encoded.get(index) for index in range(outputs)),
        read_packets=sum(each.packets for each in log.decoded.values()),
        filled_seconds=log.filled_samples / max(max(each) for each in rates.values()),
        frames_without_channel=log.frames_without_channel,
        has_non_finite_samples=log.has_non_finite_samples,
    )


def has_hit_the_file_limit(returncode: int) -> bool:
    """Whether an output was to become larger than RLIMIT_FSIZE allows."""
    return returncode in _FILE_LIMIT


def failure_of(returncode: int, log: Log) -> JobError | None:
    """Why the process failed, or None where it did not: from its exit code and from its own words."""
    if returncode == 0:
        return None
    if returncode in _NO_SPACE or any(_NO_SPACE_TEXT in error.text for error in log.errors if not error.is_of_source):
        return WorkspaceFullError()
    if any(error.text.startswith("Stream map ") and "matches no streams" in error.text for error in log.errors):
        return NoAudioError()
    if any("exceeds max_streams" in error.text for error in log.errors if error.is_of_demuxer):
        return UnsupportedAudioError(_TOO_MANY_TRACKS)
    first = next((error for error in log.errors if error.side is not Side.OTHER), None)
    if returncode == _INVALID_ARGUMENT and first is not None and first.is_of_probe:
        return UnsupportedAudioError(_HEADER_LACKS)
    if returncode in _PERMANENT and (returncode != _INVALID_ARGUMENT or first is None or first.is_of_source):
        return UnsupportedAudioError(_PERMANENT[returncode])
    if returncode < 0:
        kind = ConverterFailedError if -returncode in _OWN_SIGNALS else ConverterCrashedError
        return kind(f"the converter was ended by {_signal_name(-returncode)}")
    part = "" if first is None or first.is_of_source else f" in its {first.side.name.lower()}"
    kind = ConverterCrashedError if returncode in _BY_OTHERS else ConverterFailedError
    return kind(f"the converter ended with code {returncode}{part}")


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def check_end(returncode: int, reader: ProgressReader, log: Log) -> None:
    """Raise what went wrong, by the exit code and by what ffmpeg said."""
    if has_hit_the_file_limit(returncode):
        raise OutputLimitError("an output became larger than it may")
    if error := failure_of(returncode, log):
        raise error
    if not reader.has_ended:
        raise ConverterCrashedError("the converter ended before the end")
    if log.demuxer_error is not None:
        raise UnsupportedAudioError("the source is damaged: parts of the file cannot be read")
