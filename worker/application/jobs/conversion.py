"""The use case: download, convert, upload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.application.jobs.space_needs import SpaceNeeds, bytes_per_second
from worker.application.jobs.uploads import Uploads
from worker.application.jobs.workspace import JobDirectory, Workspace
from worker.application.progress.job_progress import JobProgress
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.cutting import seconds_of
from worker.domain.disk_space import Need, OutputsTooLargeError
from worker.domain.errors import DurationTooLongError, InvalidMessageError, SourceTooLargeError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.outcome import Completed
from worker.domain.progress import Stage
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture, picture_of
from worker.ports import (
    AudioConverter,
    ConversionProgress,
    Converted,
    MispredictedError,
    ObjectStore,
    OutputLimitError,
    SourceAudio,
)

# Bytes for a second of audio: only weights depend on it.
_PCM_BYTES_PER_SECOND = 176_400
_CODED_BYTES_PER_SECOND = 20_000


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """The largest and the longest source, and the most bytes that the outputs of a job may have together."""

    source_bytes: int
    duration_seconds: float
    output_bytes: int = 20 * 1024**3


class _NoSpaceError(Exception):
    """The space that the job needs is not free. It gives back what it has, and waits."""

    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of one run share."""

    job: Job
    directory: JobDirectory
    progress: JobProgress
    needs: SpaceNeeds
    covers: dict[ObjectLocation, Picture] = field(default_factory=dict)  # that were downloaded

    @property
    def source(self) -> Path:
        return self.directory.path / "source"

    @property
    def outputs(self) -> list[tuple[OutputSpec, Path]]:
        return [
            (
                output.with_cover(self.covers.get(output.cover_location)) if output.cover_location else output,
                self.source.with_name(f"output-{index}"),
            )
            for index, output in enumerate(self.job.outputs)
        ]

    def reserve(self, need: Need) -> None:
        """Raises _NoSpaceError where it is not free at once."""
        if not self.directory.space.take(need):
            raise _NoSpaceError(need)


class Conversion:
    """Runs jobs; one object for all of them."""

    def __init__(
        self,
        objects: ObjectStore,
        converter: AudioConverter,
        workspace: Workspace,
        limits: ConversionLimits,
        *,
        random: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._converter = converter
        self._workspace = workspace
        self._limits = limits
        self._uploads = Uploads(objects, random=random)

    async def run(
        self,
        job: Job,
        progress: JobProgress,
        *,
        before_upload: Callable[[], Awaitable[None]],
        run_number: int,
    ) -> Completed:
        """Do the job; every output can be read from S3 when this returns.

        `before_upload` is awaited when all outputs are converted, before the first target can be seen and before an
        upload is repeated: it makes sure that the job is still ours.

        Raises a JobError, or what `before_upload` raises.
        """
        async with self._workspace.job_directory() as directory:
            await self._check_targets(job)
            run = _Run(job, directory, progress, SpaceNeeds(job, self._limits.output_bytes))
            async with self._uploads.ahead(job, run_number, run.outputs) as ahead:
                converted = await self._converted(run)
                run.source.unlink()
                directory.space.keep_what_is_written()
                await before_upload()
                records = await self._uploads.send(
                    job, run_number, converted.artifacts, ahead, progress, before_upload
                )
            return Completed(records, converted.repaired)

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the halves of uploads that an earlier attempt's worker, killed over them, has left at the targets."""
        for output in job.outputs:
            await self._objects.drop_unfinished(output.target)

    async def _check_targets(self, job: Job) -> None:
        for target in {output.target.bucket: output.target for output in job.outputs}.values():
            await self._objects.check_target(target)

    async def _converted(self, run: _Run) -> Converted:
        """Download and convert. Where the space for a step is not free, all is done again when it is."""
        while True:
            try:
                await self._download_covers(run)
                await self._download(run)
                return await self._probe_and_convert(run)
            except _NoSpaceError as no_space:
                run.directory.clear()
                with run.progress.waiting():
                    await run.directory.space.wait_for(no_space.need)

    async def _download_covers(self, run: _Run) -> None:
        """Before the source, which may take long. Raises InvalidMessageError about one that is not a cover."""
        for index, output in enumerate(run.job.outputs):
            location = output.cover_location
            if location is not None and location not in run.covers:
                run.covers[location] = await self._cover(run, location, f"outputs[{index}].cover")

    async def _cover(self, run: _Run, location: ObjectLocation, path_of_field: str) -> Picture:
        path = run.source.with_name("cover")
        try:
            await self._objects.download(
                location,
                path,
                limit_bytes=MAX_PICTURE_BYTES,
                on_start=lambda size_bytes: run.reserve(Need(size_bytes, size_bytes)),
                on_bytes=lambda _: None,
            )
        except SourceTooLargeError as exc:
            problem = f"{location} has {exc.size_bytes} bytes; a cover may have {exc.limit_bytes}"
            raise InvalidMessageError(path_of_field, problem) from exc
        picture = picture_of(await asyncio.to_thread(path.read_bytes))
        path.unlink()
        if picture is None:
            raise InvalidMessageError(path_of_field, f"{location} is neither a JPEG nor a PNG")
        return picture

    async def _download(self, run: _Run) -> None:
        progress, needs = run.progress, run.needs

        def on_start(size_bytes: int) -> None:
            run.reserve(needs.of_download(size_bytes))
            progress.source_bytes = size_bytes
            progress.meter.expect(Stage.DOWNLOADING, progress.speeds.expected_download(size_bytes))
            _expect_the_rest(progress, size_bytes / bytes_per_second(run.job.source), run.job.outputs)

        def on_bytes(done: int) -> None:
            if done > progress.source_bytes:  # its size was not known beforehand
                run.reserve(needs.of_download(2 * done, least=done))
            progress.advance(done / progress.source_bytes if progress.source_bytes else 0)

        progress.enter(Stage.DOWNLOADING)
        found = await self._objects.download(
            run.job.source,
            run.source,
            limit_bytes=self._limits.source_bytes,
            on_start=on_start,
            on_bytes=on_bytes,
        )
        progress.source_bytes = found.size_bytes
        progress.speeds.learn_download(progress.source_bytes, progress.leave())

    async def _probe_and_convert(self, run: _Run) -> Converted:
        """By the source's own headers where the converter confirms them; else by what a probe says."""
        run.progress.enter(Stage.CONVERTING)
        audio = await self._converter.probe(run.source, may_predict=True)
        try:
            return await self._convert(run, self._accepted(run, audio))
        except MispredictedError:
            return await self._convert(run, self._accepted(run, await self._converter.probe(run.source)))

    def _accepted(self, run: _Run, audio: SourceAudio) -> SourceAudio:
        """The source, if it is within the limits. What was predicted is not refused before the converter was asked."""
        try:
            self._check_limits(run, audio)
        except (DurationTooLongError, OutputsTooLargeError) as exc:
            if audio.is_predicted:
                raise MispredictedError from exc
            raise
        if audio.duration_seconds is not None:
            _expect_the_rest(run.progress, audio.duration_seconds, run.job.outputs)
        return audio

    def _check_limits(self, run: _Run, audio: SourceAudio) -> None:
        limit = self._limits.duration_seconds
        if audio.duration_seconds is not None and audio.duration_seconds > limit:
            raise DurationTooLongError(audio.duration_seconds, limit)
        run.needs.of_conversion(audio)

    async def _convert(self, run: _Run, audio: SourceAudio) -> Converted:
        progress = run.progress
        converted = await self._convert_as_large_as_needed(run, audio)
        size_bytes = sum(artifact.size_bytes for artifact in converted.artifacts)
        if size_bytes > self._limits.output_bytes:
            raise OutputsTooLargeError(size_bytes, self._limits.output_bytes)
        progress.audio_seconds = converted.artifacts[0].duration_seconds
        progress.know_source(replace(audio.format, duration_seconds=round(converted.source_seconds, 3)))
        seconds = progress.leave()
        if audio.duration_seconds is not None:
            progress.speeds.learn_conversion(progress.meter.expected_seconds(Stage.CONVERTING), seconds)
        return converted

    async def _convert_as_large_as_needed(self, run: _Run, audio: SourceAudio) -> Converted:
        """Again with more space where an output turns out to be larger than its estimate."""
        while True:
            need = run.needs.of_conversion(audio)
            run.reserve(need)
            run.directory.space.give_back_beyond(need)
            outputs_bytes = run.directory.space.size_bytes - run.needs.of_inputs(audio)
            try:
                return await self._convert_within(run, audio, outputs_bytes)
            except OutputLimitError:
                run.needs.outgrown(outputs_bytes)

    async def _convert_within(self, run: _Run, audio: SourceAudio, outputs_bytes: int) -> Converted:
        """Raises OutputLimitError where an output grows beyond its part of so many bytes."""
        conversion = ConversionProgress()
        run.progress.follow(conversion, audio)
        return await self._converter.convert(
            run.source,
            audio,
            run.outputs,
            max_duration_seconds=self._limits.duration_seconds,
            progress=conversion,
            max_file_bytes=run.needs.largest_output(audio, outputs_bytes),
        )


def _expect_the_rest(progress: JobProgress, source_seconds: float, outputs: Sequence[OutputSpec]) -> None:
    progress.meter.expect(Stage.CONVERTING, progress.speeds.expected_conversion(source_seconds, outputs))
    size_bytes = sum(_expected_bytes(each.format, seconds_of(each, source_seconds)) for each in outputs)
    progress.meter.expect(Stage.UPLOADING, progress.speeds.expected_upload(size_bytes, len(outputs)))


def _expected_bytes(audio_format: AudioFormat, audio_seconds: float) -> int:
    per_second = _PCM_BYTES_PER_SECOND if FORMATS[audio_format].is_lossless else _CODED_BYTES_PER_SECOND
    return int(audio_seconds * per_second)
