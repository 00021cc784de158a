"""The use case: download, convert, upload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from worker.application.jobs.conversion_state import ConversionState, NoSpaceError
from worker.application.jobs.downloads import Downloads
from worker.application.jobs.joining import Joining
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.space_needs import SpaceNeeds
from worker.application.jobs.uploads import Uploads
from worker.application.jobs.workspace import Workspace
from worker.application.progress.job_progress import JobProgress
from worker.domain.disk_space import OutputsTooLargeError, SpaceNeed
from worker.domain.errors import DurationTooLongError, TransientError, WorkerError
from worker.domain.job import Job
from worker.domain.outcome import Completed
from worker.domain.progress import Record, Stage
from worker.events import Event, emit
from worker.ports import (
    AudioConverter,
    ConversionProgress,
    Converted,
    MispredictedError,
    NotReleasableError,
    ObjectStore,
    OutputLimitError,
    SourceAudio,
)


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """The largest and the longest source, and the most bytes that the outputs of a job may have together.

    A source of `early_bytes` and more may be converted while it is downloaded. A shorter one is there at once.
    One that does not fit in the workspace may have `window_bytes` of it.
    """

    source_bytes: int
    duration_seconds: float
    output_bytes: int = 20 * 1024**3
    early_bytes: int = 16 * 1024**2
    # Half of it is how far the download may be ahead of the converter. At 90 MB/s that lasts for 90 ms, longer than
    # a full pipe is left alone.
    window_bytes: int = 16 * 1024**2


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
        self._downloads = Downloads(objects, limits.source_bytes)
        self._joining = Joining(converter, limits.duration_seconds)
        self._outputs = PublishedOutputs(objects)
        self._uploads = Uploads(objects, random=random)

    async def run(
        self,
        job: Job,
        progress: JobProgress,
        *,
        before_upload: Callable[[], Awaitable[None]],
        claimed: Record,
    ) -> Completed:
        """Do the job; every output can be read from S3 when this returns.

        `before_upload` is awaited when all outputs are converted, before the first target can be seen and before an
        upload is repeated: it makes sure that the job is still ours. `claimed` is the record of its claim.

        Raises a JobError, or what `before_upload` raises.
        """
        async with self._workspace.job_directory() as directory:
            await self._check_targets(job)
            state = ConversionState(job, directory, progress, SpaceNeeds(job, self._limits.output_bytes))
            async with self._uploads.ahead(job, claimed.run, state.outputs) as ahead:
                converted = await self._converted(state)
                state.source.unlink()
                directory.space.keep_what_is_written()
                await before_upload()
                records = await self._uploads.send(job, claimed, converted.artifacts, ahead, progress, before_upload)
            return Completed(records, converted.repaired)

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the incomplete multipart uploads that the killed worker of an earlier attempt has left."""
        await self._outputs.drop_unfinished(job)

    async def _check_targets(self, job: Job) -> None:
        for target in {output.target.bucket: output.target for output in job.outputs}.values():
            await self._objects.check_target(target)

    async def _converted(self, state: ConversionState) -> Converted:
        """Download and convert. Where the space for a step is not free, all is done again when it is."""
        while True:
            state.begin()
            try:
                return await self._converted_once(state)
            except NoSpaceError as no_space:
                state.directory.clear()
                await self._make_room(state, no_space.need)

    async def _make_room(self, state: ConversionState, need: SpaceNeed) -> None:
        """Wait for the space. Where there can never be so much, have the source pass through the workspace."""
        space = state.directory.space
        shortage = space.shortage(need)
        if shortage is None or state.job.is_joined or state.shortage is not None:
            with state.progress.waiting():
                await space.wait_for(need)
        else:
            state.pass_through(self._limits.window_bytes, shortage)

    async def _converted_once(self, state: ConversionState) -> Converted:
        """Download and convert; both at once where a long source's front says all that a converter has to know.

        A source that passes through the workspace is converted so or not at all.
        """
        incoming, converted = state.incoming, None
        try:
            async with incoming.downloaded_by(lambda: self._downloads.fetch(state)):
                if not state.job.is_joined and await incoming.may_be_converted_early(self._limits.early_bytes):
                    converted = await self._convert_while_it_comes(state)
                if converted is None and state.shortage is not None:
                    raise state.shortage
                incoming.read_up_to(incoming.size_bytes)  # a cut may need no more of it; still all of it has to come
                await incoming.wait_until_complete()
        except NotReleasableError as exc:
            assert state.shortage is not None
            emit(Event.CONVERSION_EARLY_FAILED, error=str(exc))
            raise state.shortage from exc
        return await self._probe_and_convert(state) if converted is None else converted

    async def _convert_while_it_comes(self, state: ConversionState) -> Converted | None:
        """Convert the source as it comes. None where that fails: only the whole source decides why it is refused.

        Where there will be no whole, failures that may pass are raised.
        """
        audio = await self._converter.predict_from_front(state.source, state.incoming)
        if audio is None:
            return None
        state.begin_early()
        try:
            return await self._convert(state, self._accepted(state, audio))
        except WorkerError as exc:
            if state.shortage is not None and isinstance(exc, TransientError):
                raise
            emit(Event.CONVERSION_EARLY_FAILED, error=str(exc))
            return None

    async def _probe_and_convert(self, state: ConversionState) -> Converted:
        """Convert by the source's own headers where the converter confirms them; else by what a probe says."""
        state.progress.enter(Stage.CONVERTING)
        if state.job.is_joined:
            joined = await self._joining.join(state)
            converted = await self._convert(state, self._accepted(state, joined.audio))
            return replace(converted, repaired=(*joined.repaired, *converted.repaired))
        audio = await self._converter.probe(state.source, may_predict=True)
        try:
            return await self._convert(state, self._accepted(state, audio))
        except MispredictedError:
            return await self._convert(state, self._accepted(state, await self._converter.probe(state.source)))

    def _accepted(self, state: ConversionState, audio: SourceAudio) -> SourceAudio:
        """The source, if it is within the limits. What was predicted is not refused before the converter was asked."""
        try:
            self._check_limits(state, audio)
        except (DurationTooLongError, OutputsTooLargeError) as exc:
            if audio.is_predicted:
                raise MispredictedError from exc
            raise
        if audio.duration_seconds is not None:
            state.expect_the_rest(audio.duration_seconds)
        return audio

    def _check_limits(self, state: ConversionState, audio: SourceAudio) -> None:
        limit = self._limits.duration_seconds
        if audio.duration_seconds is not None and audio.duration_seconds > limit:
            raise DurationTooLongError(audio.duration_seconds, limit, sources=len(state.job.parts))
        state.needs.of_conversion(audio)

    async def _convert(self, state: ConversionState, audio: SourceAudio) -> Converted:
        progress = state.progress
        converted = await self._convert_as_large_as_needed(state, audio)
        size_bytes = sum(artifact.size_bytes for artifact in converted.artifacts)
        if size_bytes > self._limits.output_bytes:
            raise OutputsTooLargeError(size_bytes, self._limits.output_bytes)
        progress.audio_seconds = converted.source_seconds
        progress.know_source(replace(audio.format, duration_seconds=round(converted.source_seconds, 3)))
        seconds = progress.leave()
        if audio.duration_seconds is not None and not state.incoming.is_converted_early:
            progress.speeds.learn_conversion(progress.meter.expected_seconds(Stage.CONVERTING), seconds)
        return converted

    async def _convert_as_large_as_needed(self, state: ConversionState, audio: SourceAudio) -> Converted:
        """Convert, and again with more space where an output turns out to be larger than its estimate.

        What is not kept has to be downloaded again for that.
        """
        while True:
            need = state.needs.of_conversion(audio)
            state.reserve(need)
            state.directory.space.give_back_beyond(need)
            outputs_bytes = state.directory.space.size_bytes - state.needs.of_inputs(audio)
            try:
                return await self._convert_within(state, audio, outputs_bytes)
            except OutputLimitError:
                state.needs.outgrown(outputs_bytes)
                if not state.incoming.is_kept:
                    raise NoSpaceError(state.needs.of_conversion(audio)) from None

    async def _convert_within(self, state: ConversionState, audio: SourceAudio, outputs_bytes: int) -> Converted:
        """Convert once. Raises OutputLimitError where an output grows beyond its part of so many bytes."""
        conversion = ConversionProgress()
        state.progress.follow(conversion, audio, since=state.joining_share)
        return await self._converter.convert(
            state.source,
            audio,
            state.outputs,
            max_duration_seconds=self._limits.duration_seconds,
            progress=conversion,
            max_file_bytes=state.needs.largest_output(audio, outputs_bytes),
            incoming=None if state.incoming.is_complete else state.incoming,
        )
