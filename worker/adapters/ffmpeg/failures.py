"""Why ffmpeg ended: from its exit code and from its own words."""

from __future__ import annotations

from signal import Signals

from worker.adapters.ffmpeg.log import Log, Side
from worker.adapters.ffmpeg.printed_headers import NOT_DECODED, TOO_MUCH_DAMAGED
from worker.adapters.ffmpeg.printed_progress import ProgressReader
from worker.domain.containers.succession import MAX_PROBE_BYTES
from worker.domain.errors import (
    ConverterCrashedError,
    ConverterFailedError,
    JobError,
    NoAudioError,
    UnsupportedAudioError,
    WorkspaceFullError,
)
from worker.ports import OutputLimitError

# Exit codes are the low byte of ffmpeg's error (libavutil/error.h); each was provoked and measured.
_UNREADABLE = "the source is damaged, or not what its first bytes say"
_INVALID_ARGUMENT = 234
_HEADER_LACKS = "the source is damaged: its header does not say what its sound is"
_NO_TRACK = f"no audio track of the source has a known codec and sound in its first {MAX_PROBE_BYTES >> 20} MiB"
_TOO_MANY_TRACKS = "the source has more than 1000 tracks"
_PERMANENT = {
    8: NOT_DECODED,  # no such decoder
    69: TOO_MUCH_DAMAGED,  # more decode errors than -max_error_rate
    176: NOT_DECODED,  # a feature of the codec that FFmpeg lacks
    183: _UNREADABLE,  # invalid data
    187: _UNREADABLE,  # end of file while it was opened
    _INVALID_ARGUMENT: NOT_DECODED,  # invalid argument: no decoder, or one that is not allowed
}
_BY_OTHERS = {244, 245, 255}  # no memory, no thread, asked to end
_REFUSED_BY_DEMUXER = {
    "Error opening input: Operation not permitted",  # -1, which some demuxers return: the code is 255
    "Error opening input: Function not implemented",  # of VOC whose header has another length: the code is 218
}
_OWN_SIGNALS = {Signals.SIGSEGV, Signals.SIGABRT, Signals.SIGFPE, Signals.SIGILL, Signals.SIGBUS}
_NO_SPACE = {134, 228}  # EDQUOT, ENOSPC
_NO_SPACE_TEXT = "No space left on device"  # where the exit code is that of another output
_FILE_LIMIT = {-Signals.SIGXFSZ, 229}  # EFBIG, where that signal is ignored


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
    if any(error.text in _REFUSED_BY_DEMUXER for error in log.errors if error.is_of_demuxer):
        return UnsupportedAudioError(_UNREADABLE)
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


def lacks_a_track(returncode: int) -> bool:
    """Whether a probe may have failed because one of the tracks that it was to describe has no packets."""
    return returncode == _INVALID_ARGUMENT


def no_track(failure: JobError | None) -> JobError | None:
    """Why a source is refused of which a second probe has found no track either. `failure` is that of the first."""
    return UnsupportedAudioError(_NO_TRACK) if str(failure) in {NOT_DECODED, _HEADER_LACKS} else failure


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
