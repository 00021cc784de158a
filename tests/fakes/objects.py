"""An object store in memory, for tests of the code that uses one."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from worker.adapters.disk import read_artifact, release
from worker.domain.errors import (
    AccessDeniedError,
    SourceChangedError,
    SourceNotFoundError,
    SourceTooLargeError,
    TargetRefusedError,
    WorkerError,
)
from worker.domain.job import ObjectLocation
from worker.domain.progress import FIRST_RUN
from worker.ports import (
    DIRECTORY_MARK,
    Artifact,
    BytesDone,
    ObjectExistsError,
    Passage,
    Seen,
    SourceObject,
    is_left_by,
    marks_of,
)

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it lies in its bucket."""

    data: bytes
    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


class MemoryObjects:
    """The `ObjectStore` port over a dictionary.

    Calls about objects in buckets that are `denied` are refused. Each of `errors[location]` is raised once, in order,
    in place of a transfer. A transfer of a location in `may_finish` waits, half done, until its event is set.
    `unfinished` are the targets at which a killed worker has left parts.
    """

    def __init__(self, *buckets: str) -> None:
        self.buckets: dict[str, dict[str, StoredObject]] = {bucket: {} for bucket in buckets}
        self.denied: set[str] = set()
        self.errors: defaultdict[ObjectLocation, list[WorkerError]] = defaultdict(list)
        self.unfinished: set[ObjectLocation] = set()
        self.ahead: list[ObjectLocation] = []  # where files that are being written go to
        self.may_finish: dict[ObjectLocation, asyncio.Event] = {}
        self.half_done: dict[ObjectLocation, asyncio.Event] = defaultdict(asyncio.Event)

    def put(self, location: ObjectLocation, data: bytes) -> None:
        self.buckets[location.bucket][location.key] = StoredObject(data)

    def get(self, location: ObjectLocation) -> StoredObject | None:
        return self.buckets[location.bucket].get(location.key)

    async def download(
        self,
        source: ObjectLocation,
        path: Path,
        *,
        limit_bytes: int,
        on_start: BytesDone,
        on_bytes: BytesDone,
        passage: Passage | None = None,
    ) -> SourceObject:
        await asyncio.sleep(0)
        self._fail_if_told(source)
        found = self.buckets.get(source.bucket, {}).get(source.key)
        if found is None:
            raise SourceNotFoundError(source)
        if len(found.data) > limit_bytes:
            raise SourceTooLargeError(source, len(found.data), limit_bytes)
        on_start(len(found.data))
        middle = len(found.data) // 2

        with path.open("xb", buffering=0) as file:

            async def make_room() -> None:
                begin, end = (0, 0) if passage is None else await passage.wait_for_room()
                if begin < end:
                    release(file.fileno(), begin, end)

            await _pass_by(middle, lambda done: _write(file, found.data[:done], on_bytes), make_room)
            await self._pause(source)
            if self.get(source) != found:
                raise SourceChangedError(source)
            await _pass_by(len(found.data), lambda done: _write(file, found.data[:done], on_bytes), make_room)
        return SourceObject(len(found.data), found.etag)

    async def probe(self, source: ObjectLocation) -> int:
        await asyncio.sleep(0)
        self._fail_if_told(source)
        found = self.get(source)
        if found is None:
            raise SourceNotFoundError(source)
        return len(found.data)

    async def check_target(self, target: ObjectLocation) -> None:
        await asyncio.sleep(0)
        if target.bucket not in self.buckets and target.bucket not in self.denied:
            raise TargetRefusedError(target, "the bucket does not exist")

    async def upload(
        self,
        artifact: Artifact,
        target: ObjectLocation,
        *,
        content_type: str,
        on_bytes: BytesDone,
        job_id: str | None = None,
        run: int = FIRST_RUN,
        directory: str | None = None,
        seen: Seen | None = None,
    ) -> str:
        await asyncio.sleep(0)
        self._fail_if_told(target)
        if target.bucket not in self.buckets:
            raise TargetRefusedError(target, "the bucket does not exist")
        await self._pause(target)
        data = read_artifact(artifact, 0, artifact.size_bytes)
        sha256 = hashlib.sha256(data).hexdigest()
        await _pass_by(len(data), on_bytes)
        metadata = {"sha256": sha256} | marks_of(job_id, run, directory)
        if seen is not None and seen != self._seen(target):
            raise ObjectExistsError(target)
        self.buckets[target.bucket][target.key] = StoredObject(data, content_type, metadata)
        return sha256

    async def current_object(self, target: ObjectLocation) -> Seen | None:
        await asyncio.sleep(0)
        if target.bucket in self.denied:
            return None
        self._fail_if_told(target)
        return self._seen(target)

    def _seen(self, target: ObjectLocation) -> Seen:
        found = self.buckets.get(target.bucket, {}).get(target.key)
        return Seen(None if found is None else found.etag)

    @asynccontextmanager
    async def upload_ahead(
        self, path: Path, target: ObjectLocation, *, content_type: str, job_id: str, run: int = FIRST_RUN
    ) -> AsyncIterator[FakeUploadAhead]:
        self.ahead.append(target)
        try:
            yield FakeUploadAhead(self, target, content_type, job_id, run)
        finally:
            self.ahead.remove(target)

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        await asyncio.sleep(0)
        self.unfinished.discard(target)

    async def remove(self, target: ObjectLocation, job_id: str, run: int = FIRST_RUN) -> None:
        await asyncio.sleep(0)
        self._fail_if_told(target)
        found = self.buckets.get(target.bucket, {}).get(target.key)
        if found is not None and is_left_by(found.metadata, job_id, run):
            del self.buckets[target.bucket][target.key]

    async def directory_named_at(self, target: ObjectLocation) -> str | None:
        await asyncio.sleep(0)
        self._fail_if_told(target)
        found = self.buckets.get(target.bucket, {}).get(target.key)
        return None if found is None else found.metadata.get(DIRECTORY_MARK)

    async def directories(self, prefix: ObjectLocation) -> Sequence[ObjectLocation]:
        await asyncio.sleep(0)
        self._fail_if_told(prefix)
        await self._pause(prefix)
        if prefix.bucket not in self.buckets:
            raise TargetRefusedError(prefix, "the bucket does not exist")
        rests = [key.removeprefix(prefix.key) for key in self.buckets[prefix.bucket] if key.startswith(prefix.key)]
        names = {rest.partition("/")[0] for rest in rests if "/" in rest}
        return [ObjectLocation(prefix.bucket, f"{prefix.key}{name}/") for name in names]

    async def remove_beneath(self, prefix: ObjectLocation) -> None:
        await asyncio.sleep(0)
        self._fail_if_told(prefix)
        await self._pause(prefix)
        if prefix.bucket not in self.buckets:
            raise TargetRefusedError(prefix, "the bucket does not exist")
        for key in [key for key in self.buckets[prefix.bucket] if key.startswith(prefix.key)]:
            del self.buckets[prefix.bucket][key]

    def _fail_if_told(self, location: ObjectLocation) -> None:
        if self.errors[location]:
            raise self.errors[location].pop(0)
        if location.bucket in self.denied:
            raise AccessDeniedError(location)

    async def _pause(self, location: ObjectLocation) -> None:
        self.half_done[location].set()
        if location in self.may_finish:
            await self.may_finish[location].wait()


@dataclass(frozen=True, slots=True)
class FakeUploadAhead:
    """An `UploadAhead` that sends nothing before the file is finished."""

    objects: MemoryObjects
    target: ObjectLocation
    content_type: str
    job_id: str
    run: int
    sent_bytes: int = 0

    async def finish(self, artifact: Artifact, *, on_bytes: BytesDone) -> str:
        return await self.objects.upload(
            artifact,
            self.target,
            content_type=self.content_type,
            on_bytes=on_bytes,
            job_id=self.job_id,
            run=self.run,
        )


def _write(file: FileIO, data: bytes, on_bytes: BytesDone) -> None:
    """Append to the file what it lacks of the object's `data`, and report how much it has."""
    file.write(data[file.tell() :])
    on_bytes(file.tell())


async def _nothing() -> None:
    """Wait for nothing."""


async def _pass_by(size_bytes: int, on_bytes: BytesDone, before: Callable[[], Awaitable[None]] = _nothing) -> None:
    for done in [*range(_CHUNK_BYTES, size_bytes, _CHUNK_BYTES), size_bytes]:
        await asyncio.sleep(0)
        await before()
        on_bytes(done)
