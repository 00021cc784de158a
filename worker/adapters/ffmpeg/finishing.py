"""From what the encoders wrote to the outputs that are delivered: each with the metadata that it is to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from worker.adapters.ffmpeg.clock import longest_pause_seconds
from worker.adapters.ffmpeg.command import has_own_clock
from worker.adapters.ffmpeg.files import to_artifact
from worker.adapters.ffmpeg.peaks import to_waveform
from worker.adapters.ffmpeg.segments import to_stream
from worker.adapters.ffmpeg.sound_reports import to_report
from worker.adapters.ffmpeg.tags import metadata_for
from worker.domain.encoding import Encoding
from worker.domain.tags.chapters import chapters_within
from worker.domain.tags.metadata import Metadata
from worker.ports import Artifact, SourceAudio


def finished(
    audio: SourceAudio, outputs: Sequence[tuple[Encoding, Path]], lengths: Sequence[float]
) -> tuple[Artifact, ...]:
    """The outputs of a source as they are delivered; all bitrates of a stream make one. Blocks on disk I/O.

    `lengths` are in seconds. Raises ConverterCrashedError where an output is incomplete, OutputsTooLargeError where it
    is larger than its format can hold, WorkspaceFullError.
    """
    encoded = [
        (encoding.output, _finished(audio, encoding, path, seconds))
        for (encoding, path), seconds in zip(outputs, lengths, strict=True)
    ]
    return tuple(_together([each for _, each in group]) for _, group in groupby(encoded, lambda pair: pair[0]))


def _together(bitrates: Sequence[Artifact]) -> Artifact:
    return replace(bitrates[0], streams=tuple(stream for each in bitrates for stream in each.streams))


def _finished(audio: SourceAudio, encoding: Encoding, path: Path, seconds: float) -> Artifact:
    if encoding.waveform is not None:
        return to_waveform(path, encoding, encoding.waveform, seconds)
    if encoding.report is not None:
        return to_report(path, encoding.report, seconds)
    if encoding.segment_seconds is not None:
        return to_stream(path, encoding, seconds)
    return to_artifact(path, encoding.format, seconds, _metadata(audio, encoding, seconds))


def _metadata(audio: SourceAudio, encoding: Encoding, seconds: float) -> Metadata:
    begin = begin_of(audio) + (encoding.cut.start_seconds if encoding.cut else 0.0)
    metadata = metadata_for(audio, encoding)
    return replace(metadata, chapters=chapters_within(metadata.chapters, begin, seconds))


def begin_of(audio: SourceAudio) -> float:
    """The time on the source's own clock at which the outputs begin, in seconds."""
    is_left_out = audio.changes_format or audio.starts_at_seconds > longest_pause_seconds(audio)
    return audio.starts_at_seconds if has_own_clock(audio.container) and is_left_out else 0.0
