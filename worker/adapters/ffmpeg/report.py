"""What ffmpeg said: headers, progress, sample counts, and why it ended.

A hostile source can forge lines through its tags. It can only deceive about itself, and the limits hold regardless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from signal import Signals

from worker.adapters.ffmpeg.process import ProcessResult
from worker.domain.errors import (
    ConverterCrashedError,
    JobError,
    NoAudioError,
    UnsupportedAudioError,
    WorkspaceFullError,
)

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?),", re.MULTILINE)
_ESTIMATED = "Estimating duration from bitrate"
_STREAM = re.compile(r"^  Stream #0:\d+\S*: (Video|Audio): (.*)$", re.MULTILINE)
_ATTACHED = "(attached pic)"
_FACT = re.compile(r"^#(codec_id|sample_rate|channel_layout_name) 0: (.+)$", re.MULTILINE)
_SAMPLE_FORMAT = re.compile(r", (u8|s16|s32|s64|flt|dbl)p?\b")
_LOSSLESS = re.compile(r"pcm_(?!alaw|mulaw).*|flac|alac|ape|tta|wavpack|wmalossless|mlp|truehd")
_DECODED = re.compile(r"packets read \((\d+) bytes\); \d+ frames decoded; (\d+) decode errors \((\d+) samples\)")
_ENCODED = re.compile(r"Output stream #(\d+):0 \(audio\): \d+ frames encoded \((\d+) samples\)")
_DECODED_RATE = re.compile(r"^\[graph_\S* @ \w+\] tb:\S+ samplefmt:\S+ samplerate:(\d+)", re.MULTILINE)

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
_PERMANENT = {
    8: _NOT_DECODED,  # no such decoder
    69: _DAMAGED,  # more decode errors than -max_error_rate
    176: _NOT_DECODED,  # a feature of the codec that nobody wrote
    183: _UNREADABLE,  # invalid data
    187: _UNREADABLE,  # end of file while it was opened
    234: _NOT_DECODED,  # invalid argument: no decoder, or one that is not allowed
}
_NO_SPACE = {134, 228}  # EDQUOT, ENOSPC
_NO_SPACE_TEXT = "No space left on device"  # where another output failed first, and lent its code


@dataclass(frozen=True, slots=True)
class Headers:
    """What the probe read. `duration_seconds` is None where it would be a guess, or another stream's."""

    codec: str
    sample_rate_hz: int
    channels: int
    bits_per_sample: int
    duration_seconds: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through the converter, by ffmpeg's own counts."""

    read_bytes: int  # in packets of the audio stream
    decoded_samples: int
    decoded_rate_hz: int | None
    decode_errors: int
    encoded_samples: tuple[int | None, ...]  # one for each output


def read_headers(facts: str, stderr: str) -> Headers:
    """From the text muxer's lines and the description on standard error. Raises UnsupportedAudioError."""
    found = dict(_FACT.findall(facts))
    codec, layout = found.get("codec_id", "none"), found.get("channel_layout_name", "")
    channels = count_channels(layout)
    if codec == "none" or not found.get("sample_rate", "").isdigit() or channels is None:
        raise UnsupportedAudioError(_NOT_DECODED)
    return Headers(codec, int(found["sample_rate"]), channels, _bits(codec, stderr), _duration(stderr))


def is_lossless(codec: str) -> bool:
    """Whether a decoder gives exactly what was recorded, so that an error is a loss and no matter of taste."""
    return _LOSSLESS.fullmatch(codec) is not None


def count_channels(layout: str) -> int | None:
    """How many channels a layout has, by its name, such as `stereo`, `5.1(side)`, `7.1.4` or `20 channels`."""
    if counted := _COUNTED_LAYOUT.match(layout):
        return int(counted[1])
    name = layout.partition("(")[0]
    if _DOTTED_LAYOUT.fullmatch(name):
        return sum(map(int, name.split(".")))
    return _NAMED_LAYOUTS.get(name)


def _bits(codec: str, stderr: str) -> int:
    stream = next((text for kind, text in _STREAM.findall(stderr) if kind == "Audio"), "")
    sample_format = _SAMPLE_FORMAT.search(stream)
    is_deep = sample_format is not None and sample_format[1] not in {"u8", "s16"}
    return 24 if is_deep and is_lossless(codec) else 16


def _duration(stderr: str) -> float | None:
    source = stderr.partition("\nOutput #0")[0]
    streams = [text for _, text in _STREAM.findall(source) if _ATTACHED not in text]
    match = _DURATION.search(source)
    if match is None or _ESTIMATED in source or len(streams) != 1 or "\nInput #0, mpegts" in f"\n{source}":
        return None  # with several streams it is the longest's; MPEG-TS has clocks and no durations
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


class ProgressReader:
    """Seconds of sound done, from the blocks of `-progress`."""

    def __init__(self) -> None:
        self._rest = b""
        self.has_ended = False
        self.seconds_done = 0.0

    def feed(self, chunk: bytes) -> bool:
        """Take what was printed; True where it brought a new position."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        before = self.seconds_done
        for line in lines:
            key, _, value = line.partition(b"=")
            if key == b"out_time_us" and value.isdigit():  # N/A and negative values come first
                self.seconds_done = max(self.seconds_done, int(value) / 1e6)
            elif key == b"progress":
                self.has_ended = value == b"end"
        return self.seconds_done > before


def read_counts(stderr: str, outputs: int) -> Counts | None:
    """The last sample counts of a run at verbosity `verbose`; None where it never got so far."""
    decoded = _DECODED.findall(stderr)
    if not decoded:
        return None
    encoded = {int(index): int(samples) for index, samples in _ENCODED.findall(stderr)}
    rate = _DECODED_RATE.search(stderr)
    read_bytes, errors, samples = map(int, decoded[-1])
    return Counts(
        read_bytes=read_bytes,
        decoded_samples=samples,
        decoded_rate_hz=int(rate[1]) if rate else None,
        decode_errors=errors,
        encoded_samples=tuple(encoded.get(index) for index in range(outputs)),
    )


def failure_of(ended: ProcessResult) -> JobError | None:
    """Why the process failed, or None where it did not."""
    code = ended.returncode
    if code == 0:
        return None
    if code in _NO_SPACE or _NO_SPACE_TEXT in ended.stderr:
        return WorkspaceFullError()
    if "matches no streams" in ended.stderr:
        return NoAudioError()
    if code in _PERMANENT:
        return UnsupportedAudioError(_PERMANENT[code])
    if code < 0:
        return ConverterCrashedError(f"the converter was ended by {_signal_name(-code)}")
    return ConverterCrashedError(f"the converter ended with code {code}")


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
