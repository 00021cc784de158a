"""Sources and targets in S3, streamed both ways: no large object is ever whole in memory.

Each failure is retried in one place. The SDK repeats a call that fails. A body that breaks off is resumed here, by a
ranged GET of the same ETag. Everything else is left to the next attempt of the job.
"""

from __future__ import annotations

import asyncio
import errno
import mimetypes
import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiobotocore.response import StreamingBody
from botocore.exceptions import BotoCoreError

from worker.adapters.aws.client import ErrorTable, translated
from worker.adapters.disk import read_artifact, sha256_of
from worker.adapters.s3.body import body_of
from worker.adapters.s3.multipart import MultipartUpload, ObjectHeaders, UploadLimits, drop_unfinished
from worker.adapters.shielding import run_shielded
from worker.domain.backoff import Backoff
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    SourceChangedError,
    SourceNotFoundError,
    SourceTooLargeError,
    TargetRefusedError,
    WorkspaceFullError,
)
from worker.domain.job import ObjectLocation
from worker.ports import Artifact, BytesDone, SourceObject

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_MIB = 1 << 20
_WRITE_BYTES = _MIB  # gathered from the network before a thread writes it
_SHORT_BYTES = 256 << 10  # in the page cache, because its digest has just been made
_TARGET_SEEN_SECONDS = 300.0
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# A body may break off this many times in a row; after 8 MiB more of it, the count starts again.
_RESUMES = 5
_RESUME_PROGRESS_BYTES = 8 * _MIB
RESUME_BACKOFF = Backoff(first_seconds=0.2, factor=2, cap_seconds=5, floor=0.5)
_BREAKS = (TimeoutError, BotoCoreError, aiohttp.ClientError, OSError)

_MISSING = ("NoSuchKey", "NoSuchBucket", "NoSuchVersion", "InvalidBucketName", "404", "NotFound")
_DENIED = ("AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden")
_CHANGED = ("PreconditionFailed", "412", "InvalidRange", "416")  # answers to a ranged GET that names an ETag
_REFUSED = ("EntityTooLarge", "InvalidRequest", "KeyTooLongError", "MethodNotAllowed", "NotImplemented")


class S3Store:
    """The `ObjectStore` port over one long-lived client.

    An object of up to `multipart_threshold` bytes is sent in one call, a longer one in parts of `part_bytes`, of which
    `part_concurrency` are sent at once. Both are read from the disk while they are sent. `body_seconds` bounds each
    call that sends a body. `resume_backoff` gives the pause before a body that broke off is resumed. `random` gives
    numbers in [0, 1), `clock` seconds.
    """

    def __init__(
        self,
        client: S3Client,
        *,
        part_bytes: int = 5 * _MIB,
        part_concurrency: int = 2,
        multipart_threshold: int = 16 * _MIB,
        body_seconds: float = 120.0,
        resume_backoff: Backoff = RESUME_BACKOFF,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._limits = UploadLimits(part_bytes, part_concurrency, body_seconds)
        self._multipart_threshold = multipart_threshold
        self._resume_backoff = resume_backoff
        self._random = random
        self._clock = clock
        self._targets_seen: dict[str, float] = {}  # by bucket: when it was last known to exist

    # --- sources -------------------------------------------------------------------------------------------------

    async def download(
        self, source: ObjectLocation, path: Path, *, limit_bytes: int, on_start: BytesDone, on_bytes: BytesDone
    ) -> SourceObject:
        """Stream the object into a new file at `path`, unless its headers say that it is too large.

        After an error the file is incomplete; the owner of the workspace removes it.
        """
        with translated("S3", _source_errors(source)):
            response = await self._client.get_object(Bucket=source.bucket, Key=source.key)
        described = SourceObject(response["ContentLength"], response["ETag"])
        async with response["Body"]:
            if described.size_bytes > limit_bytes:
                raise SourceTooLargeError(source, described.size_bytes, limit_bytes)
            _require_free_space(path.parent, described.size_bytes)
            on_start(described.size_bytes)
            with path.open("xb", buffering=0) as file:
                sink = _Sink(file, on_bytes)
                broken_by = await _pour(response["Body"], sink)
                await self._resume(source, described, sink, broken_by)
                await sink.flush()
        return described

    async def _resume(
        self, source: ObjectLocation, described: SourceObject, sink: _Sink, broken_by: Exception | None
    ) -> None:
        """Fetch what is missing until all of it is there. Raises SourceChangedError, DependencyUnavailableError."""
        failures = last_break_at = 0
        while sink.received < described.size_bytes:
            failures = 1 if sink.received - last_break_at >= _RESUME_PROGRESS_BYTES else failures + 1
            last_break_at = sink.received
            if failures > _RESUMES:
                raise DependencyUnavailableError("S3", "broke off the download too often") from broken_by
            await asyncio.sleep(self._resume_backoff.delay(failures, self._random()))
            start = sink.received
            with translated("S3", _source_errors(source)):
                response = await self._client.get_object(
                    Bucket=source.bucket, Key=source.key, Range=f"bytes={start}-", IfMatch=described.etag
                )
            async with response["Body"]:
                if not response.get("ContentRange", "").startswith(f"bytes {start}-"):
                    raise DependencyUnavailableError("S3", "answered a range with something else")
                broken_by = await _pour(response["Body"], sink)
        if broken_by is not None or sink.received > described.size_bytes:  # all there, but its checksum is not
            raise DependencyUnavailableError("S3", "sent damaged bytes") from broken_by

    # --- targets -------------------------------------------------------------------------------------------------

    async def check_target(self, target: ObjectLocation) -> None:
        """Ask for the bucket, at most once in five minutes while it is there."""
        seen_at = self._targets_seen.get(target.bucket)
        if seen_at is not None and self._clock() - seen_at < _TARGET_SEEN_SECONDS:
            return
        try:
            with translated("S3", _target_errors(target)):
                await self._client.head_bucket(Bucket=target.bucket)
        except AccessDeniedError:
            pass  # the role may lack s3:ListBucket and still write there
        self._targets_seen[target.bucket] = self._clock()

    async def upload(
        self,
        artifact: Artifact,
        target: ObjectLocation,
        *,
        content_type: str,
        on_bytes: BytesDone,
        job_id: str | None = None,
    ) -> str:
        """Stream the artifact to the target, with its digest and the job's id as metadata."""
        sha256 = await asyncio.to_thread(sha256_of, artifact)
        metadata = {"sha256": sha256} | ({"job-id": job_id} if job_id is not None else {})
        headers: ObjectHeaders = {"ContentType": content_type, "Metadata": metadata}
        if artifact.size_bytes <= self._multipart_threshold:
            await self._put(artifact, target, headers)
            on_bytes(artifact.size_bytes)
        else:
            upload = MultipartUpload(self._client, artifact, target, self._limits, _target_errors(target))
            await upload.run(headers, on_bytes)
        return sha256

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        """List the multipart uploads to the target, and abort them."""
        await drop_unfinished(self._client, target)

    async def remove(self, target: ObjectLocation, job_id: str) -> None:
        """Read the object's `job-id`, and delete it if it is this job's."""
        with suppress(TargetRefusedError), translated("S3", _target_errors(target)):  # refused: it is not there
            found = await self._client.head_object(Bucket=target.bucket, Key=target.key)
            if found["Metadata"].get("job-id") == job_id:
                await self._client.delete_object(Bucket=target.bucket, Key=target.key)

    async def upload_file(self, path: Path, target: ObjectLocation, *, on_bytes: BytesDone = lambda _: None) -> None:
        """Upload a local file; its content type is guessed from its name."""
        artifact = Artifact(path, 0.0, 0, (await asyncio.to_thread(path.stat)).st_size)
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        await self.upload(artifact, target, content_type=content_type, on_bytes=on_bytes)

    async def _put(self, artifact: Artifact, target: ObjectLocation, headers: ObjectHeaders) -> None:
        size = artifact.size_bytes
        # Before it sends a stream, the SDK waits for "100 Continue": a short body is sent as bytes instead.
        body = read_artifact(artifact, 0, size) if size <= _SHORT_BYTES else body_of(artifact, 0, size)
        with translated("S3", _target_errors(target)):
            async with asyncio.timeout(self._limits.body_seconds):
                await self._client.put_object(Bucket=target.bucket, Key=target.key, Body=body, **headers)


class _Sink:
    """A file that is written in a thread, a mebibyte at a time."""

    def __init__(self, file: FileIO, on_bytes: BytesDone) -> None:
        self.received = 0
        self._file = file
        self._on_bytes = on_bytes
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
        """Raises WorkspaceFullError."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._gathered = 0
        # Waits for the thread even if cancelled: the file must not be closed while the thread writes to it.
        await run_shielded(asyncio.to_thread(self._write_all, data))

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            if exc.errno in _NO_SPACE:
                raise WorkspaceFullError from exc
            raise


async def _pour(body: StreamingBody, sink: _Sink) -> Exception | None:
    """Read the body to its end. Returns the error that broke it off, or None."""
    while True:
        try:
            chunk = await body.read(_WRITE_BYTES)
        except _BREAKS as exc:
            return exc
        if not chunk:
            return None
        await sink.write(chunk)


def _require_free_space(directory: Path, size_bytes: int) -> None:
    if shutil.disk_usage(directory).free < size_bytes:
        raise WorkspaceFullError


def _source_errors(source: ObjectLocation) -> ErrorTable:
    return {
        **{code: partial(SourceNotFoundError, source) for code in _MISSING},
        **{code: partial(AccessDeniedError, source) for code in _DENIED},
        **{code: partial(SourceChangedError, source) for code in _CHANGED},
        # In Glacier. S3 answers 403, and the worker may not read it until its owner has restored it.
        "InvalidObjectState": partial(AccessDeniedError, source, "it is archived and must be restored first"),
    }


def _target_errors(target: ObjectLocation) -> ErrorTable:
    return {
        **{code: partial(TargetRefusedError, target, "the bucket does not exist") for code in _MISSING},
        **{code: partial(AccessDeniedError, target) for code in _DENIED},
        **{code: partial(TargetRefusedError, target, f"S3 refuses the object ({code})") for code in _REFUSED},
    }
