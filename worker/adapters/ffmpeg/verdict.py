"""Whether a source may be converted, and whether the outputs hold all of its sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from worker.adapters.ffmpeg.clock import longest_pause_seconds
from worker.adapters.ffmpeg.command import MAX_ERROR_RATE, ends_at_errors
from worker.adapters.ffmpeg.counts import Counts
from worker.adapters.ffmpeg.filters import (
    SHORTEST_PAUSE_SECONDS,
    begins_late_seconds,
    has_clock,
    has_counted_frames,
    late_seconds,
)
from worker.adapters.ffmpeg.printed_headers import TOO_MUCH_DAMAGED, Headers, is_lossless
from worker.domain.audio import MAX_RATE_HZ, MIN_RATE_HZ
from worker.domain.containers.kinds import Container
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError, DurationTooLongError, UnsupportedAudioError
from worker.ports import SourceAudio

_MAX_CHANNELS = 16
_MANY_FRAMES_A_PACKET = frozenset({"amr_nb", "amr_wb"})
_MUSEPACK = frozenset({Container.MUSEPACK_7, Container.MUSEPACK_8})
_POSSIBLE_RATES_HZ = range(1000, 50_000_001)  # from telephones' slowest to four times DSD256
_POSSIBLE_CHANNELS = range(1, 256)  # Opus and Vorbis count them in a byte
# Headers are printed in hundredths. Lossy codecs differ from theirs by what an encoder puts in front and behind:
# measured up to 0.05 s (WMA), by their specifications up to two frames and a delay of 2112 samples (AAC at 22 kHz).
_LOSSLESS_TOLERANCE_SECONDS = 0.011
_LOSSY_TOLERANCE_SECONDS = 0.25
_COUNTED_TOLERANCE_SECONDS = 0.06  # frames and granules are exact; MP3 decoders trim up to 529 samples more
_MATROSKA_TOLERANCE_SECONDS = 1.0  # what browsers record has its length written afterwards, by another clock
_MUSEPACK_TOLERANCE_SECONDS = 0.03  # FFmpeg decodes no frame behind the last of SV7 for the delay of its decoder
_ALAC_PACKET_SAMPLES = 4096  # FFmpeg 5 counts the last packet in the table of a CAF as long as the others
_FRAME_BYTES = 1441  # the longest of MPEG audio; the first may be a tag that is not played
_MAX_FRAMES_SKIPPED = 2  # of a raw stream: the demuxer skips what is no frame, and nothing takes its place
_MAX_WITHOUT_CHANNEL = 0.1  # of the frames, where no ADTS says that the channels change
_WITHOUT_ADTS = frozenset({Container.MP4, Container.MATROSKA, Container.FLV})  # a header states the channels once
_ROUNDED_TO_FRAMES = frozenset({Container.FLV, Container.AVI})  # what they state counts whole frames, or is a tag
_OUTPUT_TOLERANCE_SECONDS = 0.01  # what resampling may add or leave at the end; otherwise the counts are equal
_CHANGE_TOLERANCE_SECONDS = 0.001  # what it may leave where the source's format changes
_CUT_CHANGE_SECONDS = 0.1  # by how much the clock of a cut may go back there: a frame, where recordings were joined

# By what a decoder leaves out in front, the silence before sound that begins late is longer: 0.13 s of AAC at 8 kHz.
_LONGEST_LEFT_OUT_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """The length of each output and of the source, and what was repaired of it: sentences for the producer."""

    lengths: list[float]
    repaired: tuple[str, ...]
    source_seconds: float


def check_headers(headers: Headers) -> None:
    """Refuse headers that no recording has: a rate of 1 Hz makes a day of output from a few hundred kilobytes."""
    if headers.sample_rate_hz not in _POSSIBLE_RATES_HZ:
        raise UnsupportedAudioError(f"the source is damaged: its header states {headers.sample_rate_hz} Hz")
    if headers.channels not in _POSSIBLE_CHANNELS:
        raise UnsupportedAudioError(f"the source is damaged: its header states {headers.channels} channels")
    if not MIN_RATE_HZ <= headers.sample_rate_hz <= MAX_RATE_HZ:
        raise UnsupportedAudioError(f"a sample rate of {headers.sample_rate_hz} Hz is not supported")
    if headers.channels > _MAX_CHANNELS:
        raise UnsupportedAudioError(f"{headers.channels} channels are not supported")


def check_counts(
    counts: Counts | None,
    audio: SourceAudio,
    encodings: Sequence[Encoding],
    *,
    max_duration_seconds: float,
) -> Verdict:
    """The lengths of source and outputs, and what was repaired.

    Where the source was also decoded to a reference (see `filters`), the last count is that of the reference.
    Raises UnsupportedAudioError where the source has no sound or lacks more than is tolerated, DurationTooLongError,
    and ConverterCrashedError where an output does not have the length that it must have, or nothing was counted.
    """
    if counts is None:
        raise ConverterCrashedError("the converter ended without its summary")
    if counts.decoded_samples == 0:
        raise UnsupportedAudioError("the source holds no sound")
    rates = [*(encoding.sample_rate_hz for encoding in encodings), audio.sample_rate_hz]
    names = [*(f"{encoding.format} output" for encoding in encodings), "reference"]
    lengths = [(samples or 0) / rate for rate, samples in zip(rates, counts.encoded_samples, strict=False)]
    if max(lengths) > max_duration_seconds + _LOSSY_TOLERANCE_SECONDS:
        raise DurationTooLongError(None, max_duration_seconds)
    seconds = lengths[-1] if len(lengths) > len(encodings) else lengths[0]
    _check_source(counts, audio, seconds)
    cut_tolerance = _OUTPUT_TOLERANCE_SECONDS + counts.changes * _CUT_CHANGE_SECONDS
    for name, length, encoding in zip_longest(names[: len(lengths)], lengths, encodings):
        if encoding is None or encoding.cut is None:
            _check_whole(name, length, counts, audio, seconds)
        elif abs(length - encoding.cut.seconds_of(seconds)) > cut_tolerance:
            raise ConverterCrashedError(f"the {name} has {length:.2f} s of {encoding.cut.seconds_of(seconds):.2f} s")
    repaired = (*audio.structure.repairs, *_repaired(counts, audio, seconds))
    return Verdict(lengths[: len(encodings)], repaired, seconds)


def _check_source(counts: Counts, audio: SourceAudio, seconds: float) -> None:
    lossless = any(is_lossless(part.codec) for part in audio.parts or (audio,))
    stated_seconds = audio.duration_seconds
    if has_counted_frames(audio.container) or audio.loses_frames:
        # Silence at the end is made for frames that could not be decoded, and for nothing else.
        pauses = 0.0 if has_counted_frames(audio.container) else counts.filled_seconds
        seconds = min(seconds, counts.longest_seconds + pauses + _lost_seconds(counts))
    if stated_seconds is not None and seconds < stated_seconds - _tolerance(audio):
        if counts.left_out_seconds:
            raise UnsupportedAudioError(
                f"the source has a pause of {counts.left_out_seconds:.1f} s; with its channels and sample rate, "
                f"{longest_pause_seconds(audio):.0f} s is the limit"
            )
        raise UnsupportedAudioError(
            f"the source is cut off or damaged: of {stated_seconds:.2f} s, {seconds:.2f} s can be decoded"
        )
    is_exact = audio.bits_per_sample is not None and not has_clock(audio.container) and not counts.changes
    if is_exact and stated_seconds is not None and seconds > stated_seconds + _tolerance(audio):
        raise UnsupportedAudioError(
            f"the source is damaged: it states {stated_seconds:.2f} s of sound, and {seconds:.2f} s can be decoded"
        )
    if _skipped_bytes(counts, audio) > _MAX_FRAMES_SKIPPED * _FRAME_BYTES:
        raise UnsupportedAudioError("the source is damaged: what lies between its frames is no audio")
    if audio.codec in _MANY_FRAMES_A_PACKET and _has_odd_packets(counts):
        raise UnsupportedAudioError("the source is damaged: some of its packets have more frames of sound than others")
    is_stated_once = audio.container in _WITHOUT_ADTS
    if is_stated_once and counts.frames_without_channel > _MAX_WITHOUT_CHANNEL * counts.decoded_frames:
        raise UnsupportedAudioError(
            "the source is damaged: its AAC changes its channels, and the container does not say so"
        )
    if lossless and counts.decode_errors:
        raise UnsupportedAudioError("the source is damaged: not all of its lossless audio can be decoded")
    if counts.decode_errors and not has_clock(audio.container):
        raise UnsupportedAudioError("the source is damaged: not all of its audio can be decoded")
    most_errors = MAX_ERROR_RATE * (counts.decoded_frames + counts.decode_errors)
    if not ends_at_errors(audio) and counts.decode_errors > most_errors:
        raise UnsupportedAudioError(TOO_MUCH_DAMAGED)


def _has_odd_packets(counts: Counts) -> bool:
    """Whether packets have different numbers of frames: only the last may have fewer.

    The decoder takes what a damaged length leaves of a packet for further frames, without an error.
    """
    each = -(-counts.decoded_frames // max(1, counts.read_packets))
    return each > 1 and counts.decoded_frames <= each * (counts.read_packets - 1)


def _tolerance(audio: SourceAudio) -> float:
    if audio.container == Container.MATROSKA:
        return _MATROSKA_TOLERANCE_SECONDS
    if audio.container in _MUSEPACK:
        return _MUSEPACK_TOLERANCE_SECONDS
    if audio.container == Container.CAF and audio.codec == "alac":
        return _ALAC_PACKET_SAMPLES / audio.sample_rate_hz
    lossless = all(is_lossless(part.codec) for part in audio.parts or (audio,))
    if lossless and audio.container not in _ROUNDED_TO_FRAMES:
        return _LOSSLESS_TOLERANCE_SECONDS
    is_counted = has_counted_frames(audio.container) or audio.container == Container.OGG
    return _COUNTED_TOLERANCE_SECONDS if is_counted else _LOSSY_TOLERANCE_SECONDS


def _lost_seconds(counts: Counts) -> float:
    """The length of the frames that could not be decoded, by the mean of the others."""
    return counts.decode_errors * counts.longest_seconds / max(1, counts.decoded_frames)


def _skipped_bytes(counts: Counts, audio: SourceAudio) -> int:
    """How many bytes between the frames of a raw stream were not decoded."""
    frame_bytes = audio.structure.frame_bytes
    return 0 if frame_bytes is None else max(0, frame_bytes - _FRAME_BYTES - counts.read_bytes)


def _repaired(counts: Counts, audio: SourceAudio, seconds: float) -> list[str]:
    sentences = []
    lost_seconds = _lost_seconds(counts)
    if counts.decode_errors:
        sentences.append(
            f"{lost_seconds:.2f} s of sound could not be decoded (damaged frames: {counts.decode_errors}); "
            + _replaced(counts, audio, seconds)
        )
    # Recorders make pauses, and so do pieces that are missing where nothing has a number: the producer may know which.
    pause_seconds = seconds - counts.longest_seconds - late_seconds(audio) - lost_seconds
    is_start_alone = (
        late_seconds(audio) > 0 and counts.filled_places <= 1 and pause_seconds < _LONGEST_LEFT_OUT_SECONDS
    )
    if has_clock(audio.container) and not is_start_alone and pause_seconds >= SHORTEST_PAUSE_SECONDS:
        sentences.append(f"the source's clock has {pause_seconds:.2f} s without sound; silence took their place")
    stated_seconds = audio.duration_seconds or 0.0
    if audio.container != Container.MATROSKA and seconds <= stated_seconds - SHORTEST_PAUSE_SECONDS:
        sentences.append(f"of {stated_seconds:.2f} s that the source states, {seconds:.2f} s could be decoded")
    if skipped := _skipped_bytes(counts, audio):
        sentences.append(f"{skipped} bytes between the frames are no audio and were skipped")
    if counts.frames_without_channel and audio.container in _WITHOUT_ADTS:
        sentences.append(
            f"{counts.frames_without_channel} frames of AAC lack a channel that the source states; "
            "the decoder played old sound in its place"
        )
    if lacking := begins_late_seconds(audio) - late_seconds(audio):
        sentences.append(
            f"the sound begins {lacking:.2f} s late on the source's clock, and its format changes on the way; "
            "no silence is put before it"
        )
    if audio.is_finite is False or counts.has_non_finite_samples:
        sentences.append("samples that are no finite numbers became silence")
    return sentences


def _replaced(counts: Counts, audio: SourceAudio, seconds: float) -> str:
    """What is in the place of the frames that could not be decoded."""
    lost_seconds = _lost_seconds(counts)
    silent_seconds = max(0.0, seconds - counts.longest_seconds - late_seconds(audio))
    reaches_end = audio.duration_seconds is not None and seconds > audio.duration_seconds - _OUTPUT_TOLERANCE_SECONDS
    if reaches_end or lost_seconds - silent_seconds < lost_seconds / counts.decode_errors / 2:
        return "silence took its place"
    return f"silence took the place of {silent_seconds:.2f} s; the rest is missing at the start or at the end"


def _check_whole(name: str, seconds: float, counts: Counts, audio: SourceAudio, others_seconds: float) -> None:
    """Check that an output of the whole source has all that was decoded, and more only where its clock has pauses."""
    changes = counts.changes + max(0, len(audio.parts) - 1)
    tolerance = _OUTPUT_TOLERANCE_SECONDS + changes * _CHANGE_TOLERANCE_SECONDS
    too_long = not has_clock(audio.container) and seconds > counts.longest_seconds + tolerance
    if seconds < counts.shortest_seconds - tolerance or too_long or abs(seconds - others_seconds) > tolerance:
        raise ConverterCrashedError(f"the {name} has {seconds:.2f} s of the source's {counts.longest_seconds:.2f} s")
