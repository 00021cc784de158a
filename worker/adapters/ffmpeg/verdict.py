"""Whether a source may be converted, and whether what came out is all that went in."""

from __future__ import annotations

from collections.abc import Sequence

from worker.adapters.ffmpeg.report import Counts, Headers, is_lossless
from worker.domain.audio import MAX_RATE_HZ, MIN_RATE_HZ
from worker.domain.containers.sniffing import Container
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError, DurationTooLongError, UnsupportedAudioError
from worker.ports import SourceAudio

_MAX_CHANNELS = 16
# Headers are printed in hundredths. Lossy codecs differ from theirs by what an encoder puts in front and behind:
# measured up to 0.05 s (WMA), by their specifications up to two frames and a delay of 2112 samples (AAC at 22 kHz).
_LOSSLESS_TOLERANCE_SECONDS = 0.011
_LOSSY_TOLERANCE_SECONDS = 0.25
_MIN_FRAME_BYTES_READ = 0.9  # of a raw stream; the demuxer skips what is no frame, and no count tells
_MPEG_FRAME_BYTES = 1441  # the first may be a tag that is not played
_OUTPUT_TOLERANCE_SECONDS = 0.01  # what resampling may add or leave at the end; otherwise the counts are equal


def check_headers(headers: Headers) -> None:
    """Refuse what nobody recorded: a rate of 1 Hz makes a day of output from a few hundred kilobytes."""
    if not MIN_RATE_HZ <= headers.sample_rate_hz <= MAX_RATE_HZ:
        raise UnsupportedAudioError(f"a sample rate of {headers.sample_rate_hz} Hz is not supported")
    if not 1 <= headers.channels <= _MAX_CHANNELS:
        raise UnsupportedAudioError(f"{headers.channels} channels are not supported")


def check_counts(
    counts: Counts | None,
    audio: SourceAudio,
    encodings: Sequence[Encoding],
    *,
    frame_bytes: int | None,
    max_duration_seconds: float,
) -> list[float]:
    """The length of each output in seconds, once it is certain that nothing of the source is missing in it.

    `frame_bytes` is how much of the source is frames, where it is a raw stream.
    Raises UnsupportedAudioError, DurationTooLongError, ConverterCrashedError.
    """
    if counts is None:
        raise ConverterCrashedError("the converter ended without its summary")
    if counts.decoded_samples == 0:
        raise UnsupportedAudioError("the source holds no sound")
    decoded_seconds = counts.decoded_samples / (counts.decoded_rate_hz or audio.sample_rate_hz)
    if decoded_seconds > max_duration_seconds + _LOSSY_TOLERANCE_SECONDS:
        raise DurationTooLongError(None, max_duration_seconds)
    _check_source(counts, audio, decoded_seconds, frame_bytes)
    return [
        _length(encoding, samples, decoded_seconds)
        for encoding, samples in zip(encodings, counts.encoded_samples, strict=True)
    ]


def _check_source(counts: Counts, audio: SourceAudio, decoded_seconds: float, frame_bytes: int | None) -> None:
    lossless = is_lossless(audio.codec)
    tolerance = _LOSSLESS_TOLERANCE_SECONDS if lossless else _LOSSY_TOLERANCE_SECONDS
    # Matroska's length counts pauses, in which calls and browsers record nothing; its structure has been checked.
    stated_seconds = None if audio.container == Container.MATROSKA else audio.duration_seconds
    if stated_seconds is not None and decoded_seconds < stated_seconds - tolerance:
        raise UnsupportedAudioError(
            f"the source is cut off or damaged: of {stated_seconds:.2f} s, {decoded_seconds:.2f} s can be decoded"
        )
    if frame_bytes and counts.read_bytes < _MIN_FRAME_BYTES_READ * (frame_bytes - _MPEG_FRAME_BYTES):
        raise UnsupportedAudioError("the source is damaged: much of it is no audio")
    if lossless and counts.decode_errors:
        raise UnsupportedAudioError("the source is damaged: not all of its lossless audio can be decoded")


def _length(encoding: Encoding, samples: int | None, decoded_seconds: float) -> float:
    seconds = (samples or 0) / encoding.sample_rate_hz
    if abs(seconds - decoded_seconds) > _OUTPUT_TOLERANCE_SECONDS:
        raise ConverterCrashedError(
            f"the {encoding.format} output has {seconds:.2f} s of the source's {decoded_seconds:.2f} s"
        )
    return seconds
