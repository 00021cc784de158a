"""Uploads outputs to their targets, and parts of long ones already while they are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from worker.application.jobs.publication import Publication, hidden_objects, visible_object
from worker.application.progress.job_progress import JobProgress
from worker.domain.audio import FORMATS
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError, TargetRefusedError
from worker.domain.job import Job, OutputSpec
from worker.domain.progress import OutputRecord, Record, Stage
from worker.domain.stream_layout import attempt_directory
from worker.ports import Artifact, BytesDone, ObjectExistsError, ObjectStore, Seen, UploadAhead
from worker.waiting import all_or_first_error

T = TypeVar("T")

# An upload that fails is repeated for a minute and a half: the outputs are there, and converting again costs more.
_TRIES = 8
AT_ONCE = 8  # objects of a stream: each is small, and its call takes longer than its bytes
_BACKOFF = Backoff(first_seconds=1, factor=2, cap_seconds=30, floor=0.5)

# For each output in its order; None for one that is sent only when it is complete.
Ahead = Sequence[UploadAhead | None]


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
        claimed: Record,
        artifacts: Sequence[Artifact],
        ahead: Ahead,
        progress: JobProgress,
        still_ours: Callable[[], Awaitable[None]],
    ) -> tuple[OutputRecord, ...]:
        """Complete all targets.

        `claimed` is the record of the claim. `still_ours` is awaited before an upload is repeated, and before a stream
        becomes visible; it raises where the claim is lost.
        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError, and what `still_ours` raises.
        """
        directory = attempt_directory(job.job_id, claimed.version)
        published = [
            _Published.of(output, artifact, directory) for output, artifact in zip(job.outputs, artifacts, strict=True)
        ]
        total = sum(each.size_bytes for each in published)
        left = max(1, total - sum(upload.sent_bytes for upload in ahead if upload is not None))
        calls = sum(1 + each.hidden // AT_ONCE for each in published)
        progress.meter.expect(Stage.UPLOADING, progress.speeds.expected_upload(left, calls))
        progress.enter(Stage.UPLOADING)
        sending = _Sending(job.job_id, claimed.run, progress, still_ours, total)
        records = []
        for output, artifact, each, upload_ahead in zip(job.outputs, artifacts, published, ahead, strict=True):
            visible = visible_object(output, artifact, directory)
            if each.hidden:
                await self._send_hidden(sending, hidden_objects(output, artifact, directory))
                sha256 = await self._show(sending, visible)
            else:
                sha256 = await self._publish(sending, visible, ahead=upload_ahead)
            duration = round(artifact.duration_seconds, 3)
            record = OutputRecord(str(output.target), each.size_bytes, duration, sha256, artifact.loudness)
            records.append(replace(record, playlist=str(visible.location)) if output.is_stream else record)
        progress.output_bytes = total
        progress.speeds.learn_upload(left, progress.leave())
        return tuple(records)

    async def _send_hidden(self, sending: _Sending, hidden: Iterator[Publication]) -> None:
        """Send all hidden objects of an output, some at a time. What makes it visible may be sent after this."""

        async def send_some() -> None:
            for each in hidden:
                await self._publish(sending, each)

        await all_or_first_error(send_some() for _ in range(AT_ONCE))

    async def _show(self, sending: _Sending, master: Publication) -> str:
        """Put the master playlist in the place of what is there now, and of nothing that comes there meanwhile.

        A worker may stand still after its claim was confirmed. Until it goes on, another may have published the stream
        and deleted what this master playlist names.
        """
        for _ in range(_TRIES):
            seen = await self._repeat(sending, partial(self._objects.current_object, master.location))
            await sending.still_ours()
            try:
                return await self._publish(sending, master, seen=seen)
            except ObjectExistsError:
                continue  # the claim may be lost, which is seen now
        raise TargetRefusedError(master.location, "others change it all the time")

    async def _upload(
        self,
        sending: _Sending,
        publication: Publication,
        on_bytes: BytesDone,
        ahead: UploadAhead | None,
        seen: Seen | None,
    ) -> str:
        if ahead is not None:
            return await ahead.finish(publication.artifact, on_bytes=on_bytes)
        return await self._objects.upload(
            publication.artifact,
            publication.location,
            content_type=publication.content_type,
            on_bytes=on_bytes,
            job_id=sending.job_id,
            run=sending.run,
            directory=publication.directory,
            seen=seen,
        )

    async def _publish(
        self,
        sending: _Sending,
        publication: Publication,
        *,
        ahead: UploadAhead | None = None,
        seen: Seen | None = None,
    ) -> str:
        """Upload an object. Parts that were sent ahead are used by the first try alone."""
        on_bytes, tries = sending.bytes_of_one(), iter([ahead])
        return await self._repeat(
            sending, lambda: self._upload(sending, publication, on_bytes, next(tries, None), seen)
        )

    async def _repeat(self, sending: _Sending, call: Callable[[], Awaitable[T]]) -> T:
        """Call, again and with growing pauses while the store is out of reach. Raises what the last try raises."""
        for failures in range(1, _TRIES):
            try:
                return await call()
            except DependencyUnavailableError:
                sending.progress.advance(0)  # a pause is no stall
                await asyncio.sleep(_BACKOFF.delay(failures, self._random()))
                await sending.still_ours()
        return await call()


@dataclass(frozen=True, slots=True)
class _Published:
    """How many bytes the objects of an output have, and how many of them are hidden."""

    size_bytes: int
    hidden: int

    @classmethod
    def of(cls, output: OutputSpec, artifact: Artifact, directory: str) -> _Published:
        size_bytes, hidden = visible_object(output, artifact, directory).artifact.size_bytes, 0
        for each in hidden_objects(output, artifact, directory):
            size_bytes += each.artifact.size_bytes
            hidden += 1
        return cls(size_bytes, hidden)


@dataclass(slots=True)
class _Sending:
    """What the uploads of one job share."""

    job_id: str
    run: int
    progress: JobProgress
    still_ours: Callable[[], Awaitable[None]]
    total_bytes: int
    _sent_bytes: int = 0

    def bytes_of_one(self) -> BytesDone:
        """What the upload of one object calls with the bytes that are done of it."""
        counted = 0

        def on_bytes(done: int) -> None:
            nonlocal counted
            self._sent_bytes += done - counted
            counted = done
            self.progress.advance(self._sent_bytes / self.total_bytes)

        return on_bytes
