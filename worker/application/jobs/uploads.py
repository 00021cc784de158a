"""Outputs on their way to their targets: long ones of which parts are sent while they are written, and the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from worker.application.progress.job_progress import JobProgress
from worker.domain.audio import FORMATS
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import Job, OutputSpec
from worker.domain.progress import OutputRecord, Stage
from worker.ports import Artifact, BytesDone, ObjectStore, UploadAhead

# An upload that fails is repeated for a minute and a half: the outputs are there, and converting again costs more.
_TRIES = 8
_BACKOFF = Backoff(first_seconds=1, factor=2, cap_seconds=30, floor=0.5)

Ahead = Sequence[UploadAhead | None]  # of each output in its order; None of those that are sent when they are done


class Uploads:
    """Sends the outputs of jobs; one object for all of them. `random` gives numbers in [0, 1)."""

    def __init__(self, objects: ObjectStore, *, random: Callable[[], float]) -> None:
        self._objects = objects
        self._random = random

    @asynccontextmanager
    async def ahead(self, job: Job, run: int, files: Iterable[tuple[OutputSpec, Path]]) -> AsyncIterator[Ahead]:
        """Inside the `with`, the outputs are sent as their files grow, where that saves time.

        Lossy ones are not: they are small, and encoding them takes far longer than sending them.
        """
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(self._ahead_of(job, run, output, path))
                if FORMATS[output.format].is_lossless
                else None
                for output, path in files
            ]

    def _ahead_of(
        self, job: Job, run: int, output: OutputSpec, path: Path
    ) -> AbstractAsyncContextManager[UploadAhead]:
        return self._objects.upload_ahead(
            path, output.target, content_type=output.content_type, job_id=job.job_id, run=run
        )

    async def send(
        self,
        job: Job,
        run: int,
        artifacts: Sequence[Artifact],
        ahead: Ahead,
        progress: JobProgress,
        before_repeat: Callable[[], Awaitable[None]],
    ) -> tuple[OutputRecord, ...]:
        """Complete all targets. Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError."""
        total = sum(artifact.size_bytes for artifact in artifacts)
        left = max(1, total - sum(upload.sent_bytes for upload in ahead if upload is not None))
        progress.meter.expect(Stage.UPLOADING, progress.speeds.expected_upload(left, len(artifacts)))
        progress.enter(Stage.UPLOADING)
        records = []
        uploaded = 0

        def on_bytes(done: int) -> None:
            progress.advance((uploaded + done) / total)

        for output, artifact, upload_ahead in zip(job.outputs, artifacts, ahead, strict=True):
            upload = partial(self._upload, job, run, output, artifact, on_bytes)
            sha256 = await self._repeat(upload, upload_ahead, progress, before_repeat)
            uploaded += artifact.size_bytes
            duration = round(artifact.duration_seconds, 3)
            records.append(OutputRecord(str(output.target), artifact.size_bytes, duration, sha256, artifact.loudness))
        progress.output_bytes = total
        progress.speeds.learn_upload(left, progress.leave())
        return tuple(records)

    async def _upload(
        self,
        job: Job,
        run: int,
        output: OutputSpec,
        artifact: Artifact,
        on_bytes: BytesDone,
        ahead: UploadAhead | None,
    ) -> str:
        if ahead is not None:
            return await ahead.finish(artifact, on_bytes=on_bytes)
        return await self._objects.upload(
            artifact,
            output.target,
            content_type=output.content_type,
            on_bytes=on_bytes,
            job_id=job.job_id,
            run=run,
        )

    async def _repeat(
        self,
        upload: Callable[[UploadAhead | None], Awaitable[str]],
        ahead: UploadAhead | None,
        progress: JobProgress,
        before_repeat: Callable[[], Awaitable[None]],
    ) -> str:
        """Upload, again and with growing pauses while the store is out of reach. Raises what the last try raises.

        What was sent ahead counts for the first try alone.
        """
        for failures in range(1, _TRIES):
            try:
                return await upload(ahead if failures == 1 else None)
            except DependencyUnavailableError:
                progress.advance(0)  # a pause is no stall
                await asyncio.sleep(_BACKOFF.delay(failures, self._random()))
                await before_repeat()
        return await upload(None)
