"""One download: complete when it returns. A body that breaks off is resumed by a ranged GET of the same ETag."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import AsyncExitStack
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiobotocore.response import StreamingBody
from botocore.exceptions import BotoCoreError

from worker.adapters.disk import SHORT_BYTES, release
from worker.adapters.s3.errors import source_errors
from worker.adapters.s3.options import Arguments
from worker.adapters.shielding import run_shielded
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError, SourceTooLargeError, WorkspaceFullError
from worker.domain.job import ObjectLocation
from worker.ports import BytesDone, Passage, SourceObject

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_MIB = 1 << 20
_WRITE_BYTES = _MIB  # gathered from the network before a thread writes it
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# A body may break off this many times in a row; after 8 MiB more of it, the count starts again.
_RESUMES = 5
_RESUME_PROGRESS_BYTES = 8 * _MIB
_BREAKS = (TimeoutError, BotoCoreError, aiohttp.ClientError, OSError)


class Download:
    """Fetches `source`, which may have `limit_bytes` at most. `arguments` are those of each call.

    `backoff` gives the pause before a body that broke off is resumed, `random` numbers in [0, 1).
    """

    def __init__(
        self,
        client: S3Client,
        source: ObjectLocation,
        limit_bytes: int,
        arguments: Arguments,
        *,
        backoff: Backoff,
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._source = source
        self._limit_bytes = limit_bytes
        self._arguments = arguments
        self._backoff = backoff
        self._random = random

    async def run(
        self, path: Path, on_start: BytesDone, on_bytes: BytesDone, passage: Passage | None = None
    ) -> SourceObject:
        """Write the object to a new file at `path`, which keeps of it what the `passage` says.

        `on_start` gets its size, 0 where S3 does not say it. Without a size the end of the body is the end of the
        object; without an ETag nobody can see that it was replaced meanwhile. So neither is resumed. A page of HTML
        without an ETag is that of a proxy.
        """
        with source_errors(self._source):
            response = await self._client.get_object(**self._arguments)
        size_bytes, etag = response.get("ContentLength"), response.get("ETag")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(response["Body"])
            if etag is None and response.get("ContentType", "").startswith("text/html"):
                raise DependencyUnavailableError("S3", f"answered with a page in the place of {self._source}")
            self._require_in_limit(size_bytes or 0)
            on_start(size_bytes or 0)
            sink = _Sink(stack.enter_context(path.open("xb", buffering=0)), on_bytes, passage)
            broken_by = await self._pour(response["Body"], sink)
            if size_bytes is not None and etag is not None:
                await self._resume(size_bytes, etag, sink, broken_by)
            elif broken_by is not None or sink.received < (size_bytes or 0):
                raise self._failed(
                    "broke off the download, and without ETag and length it cannot go on"
                ) from broken_by
            await sink.flush()
        return SourceObject(sink.received, etag)

    async def _resume(self, size_bytes: int, etag: str, sink: _Sink, broken_by: Exception | None) -> None:
        """Fetch what is missing until all of it is there. Raises SourceChangedError, DependencyUnavailableError."""
        failures = last_break_at = 0
        while sink.received < size_bytes:
            failures = 1 if sink.received - last_break_at >= _RESUME_PROGRESS_BYTES else failures + 1
            last_break_at = sink.received
            if failures > _RESUMES:
                raise self._failed("broke off the download too often") from broken_by
            await asyncio.sleep(self._backoff.delay(failures, self._random()))
            start = sink.received
            with source_errors(self._source):
                response = await self._client.get_object(**self._arguments, Range=f"bytes={start}-", IfMatch=etag)
            async with response["Body"]:
                if not response.get("ContentRange", "").startswith(f"bytes {start}-"):
                    raise self._failed("answered a range with something else")
                broken_by = await self._pour(response["Body"], sink)
        if broken_by is not None or sink.received > size_bytes:  # all there, but its checksum is not
            raise self._failed("sent damaged bytes") from broken_by

    async def _pour(self, body: StreamingBody, sink: _Sink) -> Exception | None:
        """Read the body to its end. Returns the error that broke it off, or None. Raises SourceTooLargeError."""
        while True:
            try:
                chunk = await body.read(_WRITE_BYTES)
            except _BREAKS as exc:
                return exc
            if not chunk:
                return None
            self._require_in_limit(sink.received + len(chunk))
            await sink.write(chunk)

    def _require_in_limit(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise SourceTooLargeError(self._source, size_bytes, self._limit_bytes)

    def _failed(self, problem: str) -> DependencyUnavailableError:
        return DependencyUnavailableError("S3", f"{problem} of {self._source}")


class _Sink:
    """A file that is written a mebibyte at a time, in a thread unless it is short.

    With a `passage` it waits for room before that, and gives back what has been read.
    """

    def __init__(self, file: FileIO, on_bytes: BytesDone, passage: Passage | None) -> None:
        self.received = 0
        self._file = file
        self._on_bytes = on_bytes
        self._passage = passage
        self._chunks: list[bytes] = []
        self._gathered = 0

    async def write(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._gathered += len(chunk)
        self.received += len(chunk)
        if self._gathered >= _WRITE_BYTES:
            await self.flush()
        self._on_bytes(self.received)

    async def flush(self) -> None:
        """Raises WorkspaceFullError, NotReleasableError."""
        if self._passage is not None:
            await self._make_room(*await self._passage.wait_for_room())
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._gathered = 0
        if len(data) <= SHORT_BYTES:
            return self._write_all(data)
        # Waits for the thread even if cancelled: the file must not be closed while the thread writes to it.
        return await run_shielded(asyncio.to_thread(self._write_all, data))

    async def _make_room(self, begin: int, end: int) -> None:
        if begin < end:
            await run_shielded(asyncio.to_thread(release, self._file.fileno(), begin, end))

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            if exc.errno in _NO_SPACE:
                raise WorkspaceFullError from exc
            raise
