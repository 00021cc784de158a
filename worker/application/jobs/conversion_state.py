"""What the steps of one conversion share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from worker.application.jobs.incoming import Incoming
from worker.application.jobs.space_needs import SpaceNeeds
from worker.application.jobs.uploads import AT_ONCE
from worker.application.jobs.workspace import JobDirectory
from worker.application.progress.job_progress import JobProgress
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.cutting import seconds_of
from worker.domain.disk_space import SpaceNeed
from worker.domain.errors import JobError
from worker.domain.hls import DEFAULT_SEGMENT_SECONDS
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.progress import Stage
from worker.domain.tags.pictures import Picture
from worker.events import Event, emit

# Bytes for a second of audio: only weights depend on it.
_PCM_BYTES_PER_SECOND = 176_400
_CODED_BYTES_PER_SECOND = 20_000


class NoSpaceError(Exception):
    """The space that the job needs is not free. It gives back what it has, and waits."""

    def __init__(self, need: SpaceNeed) -> None:
        super().__init__(need)
        self.need = need


@dataclass(slots=True)
class ConversionState:
    """A job, where its files are, and how far it is."""

    job: Job
    directory: JobDirectory
    progress: JobProgress
    needs: SpaceNeeds
    covers: dict[ObjectLocation, Picture] = field(default_factory=dict)  # that were downloaded
    incoming: Incoming = field(init=False)  # the source while it is downloaded
    shortage: JobError | None = None  # why the workspace cannot hold the source, which passes through it then
    joining_seconds: float = 0.0  # how much of the time of converting joining is expected to take

    def __post_init__(self) -> None:
        self.begin()

    @property
    def source(self) -> Path:
        """What is converted: the source, or the samples of those that are joined."""
        return self.directory.path / "source"

    @property
    def downloads(self) -> dict[ObjectLocation, Path]:
        """Where each source is downloaded to; one that is joined several times is downloaded once."""
        if not self.job.is_joined:
            return {part.source: self.source for part in self.job.parts}
        locations = dict.fromkeys(part.source for part in self.job.parts)
        return {location: self.source.with_name(f"source-{number}") for number, location in enumerate(locations)}

    @property
    def outputs(self) -> list[tuple[OutputSpec, Path]]:
        return [
            (
                output.with_cover(self.covers.get(output.cover_location)) if output.cover_location else output,
                self.source.with_name(f"output-{index}"),
            )
            for index, output in enumerate(self.job.outputs)
        ]

    @property
    def joining_share(self) -> float:
        """How much of the time of converting goes into joining, 0 to 1."""
        expected_seconds = self.progress.meter.expected_seconds(Stage.CONVERTING)
        return self.joining_seconds / expected_seconds if self.joining_seconds else 0.0

    def begin(self) -> None:
        """Begin with the download."""
        self.incoming = Incoming(self.source, self.needs.window_bytes)

    def pass_through(self, window_bytes: int, shortage: JobError) -> None:
        """Keep no more of the source than that, from the next beginning on."""
        self.needs.window_bytes, self.shortage = window_bytes, shortage

    def begin_early(self) -> None:
        """Begin the converter's stage early: the rest of the download belongs to it."""
        if self.shortage is not None:
            emit(Event.SOURCE_NOT_KEPT, error=str(self.shortage))
        self.incoming.is_converted_early = True
        self.progress.meter.expect(Stage.DOWNLOADING, self.progress.leave())
        self.progress.enter(Stage.CONVERTING)

    def reserve(self, need: SpaceNeed) -> None:
        """Reserve disk space. Raises NoSpaceError where it is not free at once."""
        if not self.directory.space.take(need):
            raise NoSpaceError(need)

    def expect_the_rest(self, source_seconds: float) -> None:
        """Say how long converting and uploading should take, of a source of that length."""
        meter, speeds, outputs = self.progress.meter, self.progress.speeds, self.job.outputs
        converting_seconds = self.joining_seconds + speeds.expected_conversion(source_seconds, outputs)
        meter.expect(Stage.CONVERTING, max(converting_seconds, self._download_seconds_beside()))
        renditions = [(each, seconds_of(each, source_seconds)) for output in outputs for each in output.renditions]
        size_bytes = sum(_expected_bytes(each.format, seconds) for each, seconds in renditions)
        calls = sum(_expected_calls(each, seconds) for each, seconds in renditions)
        meter.expect(Stage.UPLOADING, speeds.expected_upload(size_bytes, calls))

    def _download_seconds_beside(self) -> float:
        """How long the download should go on while the converter reads: it cannot end sooner."""
        rest_bytes = self.incoming.size_bytes - self.incoming.written_bytes
        return self.progress.speeds.expected_download(rest_bytes) if self.incoming.is_converted_early else 0.0


def _expected_calls(output: OutputSpec, audio_seconds: float) -> int:
    """How many calls the upload of an output makes one after the other: segments are sent some at a time."""
    if not output.is_stream:
        return 1
    return 1 + int(audio_seconds / (output.segment_seconds or DEFAULT_SEGMENT_SECONDS)) // AT_ONCE


def _expected_bytes(audio_format: AudioFormat, audio_seconds: float) -> int:
    per_second = _PCM_BYTES_PER_SECOND if FORMATS[audio_format].is_lossless else _CODED_BYTES_PER_SECOND
    return int(audio_seconds * per_second)
