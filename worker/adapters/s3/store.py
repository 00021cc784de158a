"""Sources and targets in S3, streamed both ways: no large object is ever whole in memory.

Each failure is retried in one place. The SDK repeats a call that fails. A body that breaks off is resumed here, by a
ranged GET of the same ETag. Everything else is left to the next attempt of the job.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from worker.adapters.disk import SHORT_BYTES, in_thread_if_large, read_artifact
from worker.adapters.s3.ahead import UploadAhead
from worker.adapters.s3.body import body_of
from worker.adapters.s3.conditions import delete_unchanged, is_not_implemented, replacing
from worker.adapters.s3.digest import Digest, digest_of
from worker.adapters.s3.download import Download
from worker.adapters.s3.errors import UnexplainedError, condition_errors, head_errors, source_errors, target_errors
from worker.adapters.s3.multipart import MultipartUpload, ObjectHeaders, UploadLimits, drop_unfinished, sends_checksums
from worker.adapters.s3.options import Arguments, S3Options
from worker.domain.backoff import Backoff
from worker.domain.errors import AccessDeniedError, TargetRefusedError
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
from worker.waiting import all_or_first_error

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import HeadObjectOutputTypeDef

_MIB = 1 << 20
_TARGET_SEEN_SECONDS = 300.0
_DELETES_AT_ONCE = 8
RESUME_BACKOFF = Backoff(first_seconds=0.2, factor=2, cap_seconds=5, floor=0.5)


class S3Store:
    """The `ObjectStore` port over one long-lived client.

    An object of up to `multipart_threshold` bytes is sent in one call, a longer one in parts of `part_bytes`, of which
    `part_concurrency` are sent at once. Both are read from the disk while they are sent. `body_seconds` bounds each
    call that sends a body. `options` are what the settings add to the calls. `resume_backoff` gives the pause before a
    body that broke off is resumed. `random` gives numbers in [0, 1), `clock` seconds.
    """

    def __init__(
        self,
        client: S3Client,
        options: S3Options = S3Options(),  # noqa: B008 - it is frozen
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
        self._options = options
        self._limits = UploadLimits(part_bytes, part_concurrency, body_seconds)
        self._multipart_threshold = multipart_threshold
        self._resume_backoff = resume_backoff
        self._random = random
        self._clock = clock
        self._own: set[MultipartUpload] = set()  # that are neither completed nor given up
        self._targets_seen: dict[str, float] = {}  # by bucket: when it was last known to exist

    # --- sources -------------------------------------------------------------------------------------------------

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
        """Stream the object into a new file at `path`, unless its headers say that it is too large.

        After an error the file is incomplete; the owner of the workspace removes it.
        """
        download = Download(
            self._client, source, limit_bytes, self._where(source), backoff=self._resume_backoff, random=self._random
        )
        return await download.run(path, on_start, on_bytes, passage)

    async def probe(self, source: ObjectLocation) -> int:
        """Ask for the object's headers; where HEAD cannot say why it is refused, by a GET whose body is not read."""
        with source_errors(source):
            try:
                with head_errors(source):
                    headers = await self._client.head_object(**self._where(source))
                return headers.get("ContentLength") or 0
            except UnexplainedError:
                found = await self._client.get_object(**self._where(source))
                found["Body"].close()
                return found.get("ContentLength") or 0

    # --- targets -------------------------------------------------------------------------------------------------

    async def check_target(self, target: ObjectLocation) -> None:
        """Ask for the bucket, at most once in five minutes while it is there."""
        found_at = self._targets_seen.get(target.bucket)
        if found_at is not None and self._clock() - found_at < _TARGET_SEEN_SECONDS:
            return
        try:
            with target_errors(target), head_errors(target):
                await self._client.head_bucket(Bucket=target.bucket)
        except (AccessDeniedError, UnexplainedError):
            pass  # the role may lack s3:ListBucket and still write there; the download explains a 400
        self._targets_seen[target.bucket] = self._clock()

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
        """Stream the artifact to the target, with its digest and whose it is as metadata.

        What was `seen` is sent as If-Match or If-None-Match; to a store that does not know these, once more without.
        """
        digest = await self.digest_of(artifact)
        metadata = {"sha256": digest.sha256} | marks_of(job_id, run, directory)
        headers: ObjectHeaders = {"ContentType": content_type, "Metadata": metadata}
        condition = replacing(seen)
        try:
            await self.send(artifact, target, headers, digest, on_bytes, condition)
        except TargetRefusedError as exc:
            if not condition or not is_not_implemented(exc.__cause__):
                raise
            await self.send(artifact, target, headers, digest, on_bytes)
        return digest.sha256

    async def current_object(self, target: ObjectLocation) -> Seen | None:
        """Ask for the object's headers. Without s3:ListBucket a missing one is denied, too, and nothing is known."""
        try:
            found = await self._found(target)
        except (AccessDeniedError, UnexplainedError):
            return None
        if found is None:
            return Seen(None)
        return Seen(found["ETag"]) if found.get("ETag") else None

    @asynccontextmanager
    async def upload_ahead(
        self, path: Path, target: ObjectLocation, *, content_type: str, job_id: str, run: int = FIRST_RUN
    ) -> AsyncIterator[UploadAhead]:
        """Send the file in parts while it is written, once it is longer than what is sent in one call."""

        async def send_anew(artifact: Artifact, on_bytes: BytesDone) -> str:
            return await self.upload(
                artifact, target, content_type=content_type, on_bytes=on_bytes, job_id=job_id, run=run
            )

        headers: ObjectHeaders = {"ContentType": content_type, "Metadata": marks_of(job_id, run)}
        async with (
            self._in_parts(target, headers) as upload,
            UploadAhead(path, upload, self._limits, self._multipart_threshold, send_anew) as ahead,
        ):
            yield ahead

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        """List the multipart uploads to the target, and abort them, but for those that are this store's own."""
        await drop_unfinished(self._client, target, self._options, own=self._own)

    async def remove(self, target: ObjectLocation, job_id: str, run: int = FIRST_RUN) -> None:
        """Read whose the object is, and delete it if it is this job's and has not been replaced since.

        The condition is the ETag. General purpose buckets have no other, so an object with equal bytes that another
        run has put there between the two requests is deleted.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
        """
        where = self._where(target)
        found = await self._found(target)
        if found is not None and is_left_by(found["Metadata"], job_id, run):
            with suppress(ObjectExistsError), target_errors(target), condition_errors(target):  # another one is there
                await delete_unchanged(self._client, where, found.get("ETag"))

    async def directory_named_at(self, target: ObjectLocation) -> str | None:
        """Read the object's metadata."""
        found = await self._found(target)
        return None if found is None else found["Metadata"].get(DIRECTORY_MARK)

    async def directories(self, prefix: ObjectLocation) -> Sequence[ObjectLocation]:
        """List what the keys have in common up to the next `/`."""
        with target_errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=prefix.bucket, Prefix=prefix.key, Delimiter="/", **self._options.for_object()
            )
            return [
                ObjectLocation(prefix.bucket, found["Prefix"])
                async for page in pages
                for found in page.get("CommonPrefixes", ())
            ]

    async def remove_beneath(self, prefix: ObjectLocation) -> None:
        """List the objects, and delete each: not all stores delete many with one call."""
        with target_errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=prefix.bucket, Prefix=prefix.key, **self._options.for_object()
            )
            async for page in pages:
                keys = iter([found["Key"] for found in page.get("Contents", ())])
                await all_or_first_error(self._delete_each(prefix.bucket, keys) for _ in range(_DELETES_AT_ONCE))

    async def _delete_each(self, bucket: str, keys: Iterator[str]) -> None:
        for key in keys:
            await self._client.delete_object(**self._where(ObjectLocation(bucket, key)))

    def _where(self, location: ObjectLocation) -> Arguments:
        return {"Bucket": location.bucket, "Key": location.key, **self._options.for_object()}

    async def _found(self, target: ObjectLocation) -> HeadObjectOutputTypeDef | None:
        """The headers of the object; None where S3 says that there is none, or refuses the target for good.

        Raises AccessDeniedError, DependencyUnavailableError.
        """
        try:
            with target_errors(target), head_errors(target):
                return await self._client.head_object(**self._where(target))
        except TargetRefusedError:
            return None

    async def digest_of(self, artifact: Artifact) -> Digest:
        """The artifact's digests, in the parts that `send` makes of it."""
        size = artifact.size_bytes
        return await in_thread_if_large(size, lambda: digest_of(artifact, self._limits.step(size)))

    async def send(
        self,
        artifact: Artifact,
        target: ObjectLocation,
        headers: ObjectHeaders,
        digest: Digest,
        on_bytes: BytesDone,
        condition: Arguments | None = None,
    ) -> None:
        """Write the object, where the condition holds (`{"IfNoneMatch": "*"}`: where there is none yet).

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        Raises ObjectExistsError, TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """
        condition = condition or {}
        if artifact.size_bytes <= self._multipart_threshold:
            await self._put(artifact, target, headers, digest, condition)
            on_bytes(artifact.size_bytes)
        else:
            async with self._in_parts(target, headers) as upload:
                await upload.run(artifact, digest, on_bytes, condition)

    def _in_parts(
        self, target: ObjectLocation, headers: ObjectHeaders
    ) -> AbstractAsyncContextManager[MultipartUpload]:
        return MultipartUpload(self._client, target, headers, self._limits, self._options).among(self._own)

    async def _put(
        self, artifact: Artifact, target: ObjectLocation, headers: ObjectHeaders, digest: Digest, condition: Arguments
    ) -> None:
        size = artifact.size_bytes
        body = read_artifact(artifact, 0, size) if size <= SHORT_BYTES else body_of(artifact, 0, size)
        checksum: Arguments = {"ChecksumCRC32": digest.crc32} if sends_checksums(self._client) else {}
        with target_errors(target), condition_errors(target) if condition else nullcontext():
            async with asyncio.timeout(self._limits.body_seconds):
                await self._client.put_object(
                    Bucket=target.bucket,
                    Key=target.key,
                    Body=body,
                    **headers,
                    **condition,
                    **checksum,
                    **self._options.for_new_object(),
                )
