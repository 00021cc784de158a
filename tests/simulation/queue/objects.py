"""A simulated worker's connection to S3, for outputs of which parts are sent while they are converted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.simulation.core.network import Link, Network
from tests.simulation.queue.link_faults import S3
from tests.simulation.queue.targets import NoSuchUploadError, Targets, Upload
from worker.adapters.shielding import run_shielded
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.job import ObjectLocation
from worker.domain.progress import FIRST_RUN, Record
from worker.ports import Artifact, BytesDone, SourceObject, StoreUnavailableError
from worker.waiting import wait_for_event

_BUDGET_SECONDS = 3.0
_PART_SECONDS = 0.7  # so long takes the converter for a part
_CALL_SECONDS = 0.3  # so long takes the last part
_SIZE_BYTES = 100
_SHA256 = "00"


class S3Client:
    """What one worker asks of S3."""

    def __init__(self, targets: Targets, network: Network) -> None:
        self._targets = targets
        self._link = Link(network, S3, _BUDGET_SECONDS)
        self._own: list[Upload] = []  # that it has begun and not ended

    async def begin(self, claim: Record) -> Upload:
        upload = Upload(claim)
        await self._ask(self._targets.begin, upload)
        self._own.append(upload)
        return upload

    async def send_part(self, upload: Upload) -> None:
        await self._ask(self._targets.send_part, upload)

    async def complete(self, upload: Upload) -> None:
        await self._ask(self._targets.complete, upload)
        self._own.remove(upload)

    async def abort(self, upload: Upload) -> None:
        """Abort the upload. Where that fails, the bucket's lifecycle rule has to do it."""
        self._own.remove(upload)
        with suppress(WorkerError):
            await self._ask(self._targets.abort, upload)

    async def drop(self, job_id: str) -> None:
        """Abort what others have begun. Where that fails, the bucket's lifecycle rule has to do it."""
        with suppress(WorkerError):
            await self._ask(self._targets.drop, job_id, tuple(self._own))

    async def delete(self, job_id: str, run: int) -> None:
        await self._ask(self._targets.delete, job_id, run)

    async def _ask(self, serve: Callable[..., None], *arguments: Any) -> None:
        """Send a request. Raises DependencyUnavailableError, also for an upload that is no longer there."""

        def answer() -> bool:
            try:
                serve(*arguments)
            except NoSuchUploadError:
                return False
            return True

        try:
            is_done = await self._link.ask(answer)
        except StoreUnavailableError as exc:
            raise DependencyUnavailableError("S3", exc.reason) from None
        if not is_done:
            raise DependencyUnavailableError("S3", "there is no such upload")


class SimulatedObjects:
    """The `ObjectStore` of an attempt: its target is known by the job's id, and a source is there at once."""

    def __init__(self, client: S3Client, claim: Record | None) -> None:
        self._client = client
        self._claim = claim

    async def download(
        self, source: ObjectLocation, path: Path, *, on_start: BytesDone, on_bytes: BytesDone, **_: Any
    ) -> SourceObject:
        on_start(_SIZE_BYTES)
        on_bytes(_SIZE_BYTES)
        return SourceObject(_SIZE_BYTES, None)

    async def check_target(self, target: ObjectLocation) -> None:
        """Do nothing: the target is there."""

    async def upload(self, artifact: Artifact, target: ObjectLocation, **_: Any) -> str:
        parts = self.parts_of_upload()
        try:
            await parts.begin()
            await parts.send_the_rest()
        except BaseException:
            await run_shielded(parts.abort())
            raise
        return _SHA256

    def parts_of_upload(self) -> Parts:
        assert self._claim is not None
        return Parts(self._client, self._claim)

    @asynccontextmanager
    async def upload_ahead(self, path: Path, target: ObjectLocation, **_: Any) -> AsyncIterator[SimulatedAhead]:
        ahead = SimulatedAhead(self, target)
        ahead.tailing = asyncio.create_task(ahead.tail())
        try:
            yield ahead
        finally:
            ahead.tailing.cancel()
            await run_shielded(ahead.give_up())

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        await self._client.drop(target.key)

    async def remove(self, target: ObjectLocation, job_id: str, run: int = FIRST_RUN) -> None:
        await self._client.delete(job_id, run)


class Parts:
    """What `adapters/s3/multipart` does: an upload that is begun, and completed or aborted."""

    def __init__(self, client: S3Client, claim: Record) -> None:
        self._client = client
        self._claim = claim
        self._creation: asyncio.Future[Upload] | None = None

    async def begin(self) -> None:
        """Begin an upload. `send_the_rest` or `abort` must follow, also where this is cancelled midway."""
        self._creation = asyncio.ensure_future(self._client.begin(self._claim))
        await asyncio.shield(self._creation)

    async def send(self) -> None:
        await self._client.send_part(await self._upload())

    async def send_the_rest(self) -> None:
        await asyncio.sleep(_CALL_SECONDS)
        await self.send()
        await self._client.complete(await self._upload())

    async def abort(self) -> None:
        if self._creation is not None:
            with suppress(WorkerError):
                await self._client.abort(await self._creation)

    async def _upload(self) -> Upload:
        assert self._creation is not None
        return await asyncio.shield(self._creation)


class SimulatedAhead:
    """What `adapters/s3/ahead` does with a file: parts while it grows, the first part when it is finished."""

    def __init__(self, objects: SimulatedObjects, target: ObjectLocation) -> None:
        self.tailing: asyncio.Task[None]
        self.sent_bytes = 0
        self._objects = objects
        self._target = target
        self._parts = objects.parts_of_upload()
        self._is_written = asyncio.Event()
        self._is_begun = self._has_failed = False

    async def tail(self) -> None:
        """Send each part when it is written. Raises nothing but CancelledError."""
        try:
            while not await wait_for_event(self._is_written, _PART_SECONDS):
                if not self._is_begun:
                    self._is_begun = True
                    await self._parts.begin()
                await self._parts.send()
                self.sent_bytes += 1
        except WorkerError:
            self._has_failed = True

    async def finish(self, artifact: Artifact, *, on_bytes: BytesDone) -> str:
        self._is_written.set()
        await asyncio.shield(self.tailing)
        try:
            if self._is_begun and not self._has_failed:
                await self._parts.send_the_rest()
                self._is_begun = False
                return _SHA256
        finally:
            await run_shielded(self.give_up())
        return await self._objects.upload(artifact, self._target)

    async def give_up(self) -> None:
        """Wait for what is on its way, and abort what is begun and not completed."""
        await asyncio.wait([self.tailing])
        if self._is_begun:
            self._is_begun = False
            await self._parts.abort()
