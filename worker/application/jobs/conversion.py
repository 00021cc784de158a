"""The use case: download, convert, upload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from worker.application.jobs.workspace import Workspace
from worker.application.progress.job_progress import JobProgress
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError, DurationTooLongError
from worker.domain.job import Job, ObjectLocation
from worker.domain.outcome import Completed
from worker.domain.progress import OutputRecord, Stage
from worker.ports import Artifact, AudioConverter, ConversionProgress, Converted, ObjectStore, SourceAudio

# Bytes for a second of audio, by the source's name, until its headers are read: only weights depend on it.
_PCM_BYTES_PER_SECOND = 176_400
_CODED_BYTES_PER_SECOND = 20_000
_PCM_SUFFIXES = frozenset({".wav", ".aiff", ".aif", ".au", ".caf", ".w64", ".flac", ".alac"})

# An upload that fails is repeated for a minute and a half: the outputs are there, and converting again costs more.
_UPLOAD_TRIES = 8
_UPLOAD_BACKOFF = Backoff(first_seconds=1, factor=2, cap_seconds=30, floor=0.5)


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The largest and the longest source."""

    source_bytes: int
    duration_seconds: float


class Conversion:
    """Runs jobs; one object for all of them."""

    def __init__(
        self,
        objects: ObjectStore,
        converter: AudioConverter,
        workspace: Workspace,
        limits: SourceLimits,
        *,
        random: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._converter = converter
        self._workspace = workspace
        self._limits = limits
        self._random = random

    async def run(self, job: Job, progress: JobProgress, *, before_upload: Callable[[], Awaitable[None]]) -> Completed:
        """Do the job; every output can be read from S3 when this returns.

        `before_upload` is awaited when all outputs are converted, before the first target is written and before an
        upload is repeated: it makes sure that the job is still ours.

        Raises a JobError, or what `before_upload` raises.
        """
        async with self._workspace.job_directory() as directory:
            await self._check_targets(job)
            source = directory / "source"
            await self._download(job, source, progress)
            audio = await self._probe(job, source, progress)
            converted = await self._convert(job, source, audio, progress)
            source.unlink()  # other jobs may need the space
            await before_upload()
            return Completed(await self._upload(job, converted.artifacts, progress, before_upload), converted.repaired)

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the halves of uploads that an earlier attempt's worker, killed over them, has left at the targets."""
        for output in job.outputs:
            await self._objects.drop_unfinished(output.target)

    async def _check_targets(self, job: Job) -> None:
        for target in {output.target.bucket: output.target for output in job.outputs}.values():
            await self._objects.check_target(target)

    async def _download(self, job: Job, source: Path, progress: JobProgress) -> None:
        formats = [output.format for output in job.outputs]

        def on_start(size_bytes: int) -> None:
            progress.source_bytes = size_bytes
            progress.meter.expect(Stage.DOWNLOADING, progress.speeds.expected_download(size_bytes))
            _expect_the_rest(progress, size_bytes / _bytes_per_second(job.source), formats)

        def on_bytes(done: int) -> None:
            progress.advance(done / progress.source_bytes if progress.source_bytes else 0)

        progress.enter(Stage.DOWNLOADING)
        found = await self._objects.download(
            job.source,
            source,
            limit_bytes=self._limits.source_bytes,
            on_start=on_start,
            on_bytes=on_bytes,
        )
        progress.source_bytes = found.size_bytes
        progress.speeds.learn_download(progress.source_bytes, progress.leave())

    async def _probe(self, job: Job, source: Path, progress: JobProgress) -> SourceAudio:
        progress.enter(Stage.CONVERTING)
        audio = await self._converter.probe(source)
        limit = self._limits.duration_seconds
        if audio.duration_seconds is not None:
            if audio.duration_seconds > limit:
                raise DurationTooLongError(audio.duration_seconds, limit)
            _expect_the_rest(progress, audio.duration_seconds, [output.format for output in job.outputs])
        return audio

    async def _convert(self, job: Job, source: Path, audio: SourceAudio, progress: JobProgress) -> Converted:
        outputs = [(output, source.with_name(f"output-{index}")) for index, output in enumerate(job.outputs)]
        expected = progress.meter.expected_seconds(Stage.CONVERTING)
        conversion = ConversionProgress()
        progress.follow(conversion, audio)
        converted = await self._converter.convert(
            source, audio, outputs, max_duration_seconds=self._limits.duration_seconds, progress=conversion
        )
        progress.audio_seconds = converted.artifacts[0].duration_seconds
        seconds = progress.leave()
        if audio.duration_seconds is not None:
            progress.speeds.learn_conversion(expected, seconds)
        return converted

    async def _upload(
        self,
        job: Job,
        artifacts: Sequence[Artifact],
        progress: JobProgress,
        before_repeat: Callable[[], Awaitable[None]],
    ) -> tuple[OutputRecord, ...]:
        total = sum(artifact.size_bytes for artifact in artifacts)
        progress.meter.expect(Stage.UPLOADING, progress.speeds.expected_upload(total, len(artifacts)))
        progress.enter(Stage.UPLOADING)
        records = []
        uploaded = 0

        def on_bytes(done: int) -> None:
            progress.advance((uploaded + done) / total)

        for output, artifact in zip(job.outputs, artifacts, strict=True):
            upload = partial(
                self._objects.upload,
                artifact,
                output.target,
                content_type=FORMATS[output.format].content_type,
                on_bytes=on_bytes,
                job_id=job.job_id,
            )
            sha256 = await self._repeat(upload, progress, before_repeat)
            uploaded += artifact.size_bytes
            duration = round(artifact.duration_seconds, 3)
            records.append(OutputRecord(str(output.target), artifact.size_bytes, duration, sha256))
        progress.output_bytes = total
        progress.speeds.learn_upload(total, progress.leave())
        return tuple(records)

    async def _repeat(
        self, upload: Callable[[], Awaitable[str]], progress: JobProgress, before_repeat: Callable[[], Awaitable[None]]
    ) -> str:
        """Upload, again and with growing pauses while the store is out of reach. Raises what the last try raises."""
        for failures in range(1, _UPLOAD_TRIES):
            try:
                return await upload()
            except DependencyUnavailableError:
                progress.advance(0)  # a pause is no stall
                await asyncio.sleep(_UPLOAD_BACKOFF.delay(failures, self._random()))
                await before_repeat()
        return await upload()


def _expect_the_rest(progress: JobProgress, audio_seconds: float, formats: Sequence[AudioFormat]) -> None:
    progress.meter.expect(Stage.CONVERTING, progress.speeds.expected_conversion(audio_seconds, formats))
    size_bytes = sum(_expected_bytes(each, audio_seconds) for each in formats)
    progress.meter.expect(Stage.UPLOADING, progress.speeds.expected_upload(size_bytes, len(formats)))


def _expected_bytes(audio_format: AudioFormat, audio_seconds: float) -> int:
    per_second = _PCM_BYTES_PER_SECOND if FORMATS[audio_format].is_lossless else _CODED_BYTES_PER_SECOND
    return int(audio_seconds * per_second)


def _bytes_per_second(source: ObjectLocation) -> int:
    return _PCM_BYTES_PER_SECOND if Path(source.key).suffix.lower() in _PCM_SUFFIXES else _CODED_BYTES_PER_SECOND
