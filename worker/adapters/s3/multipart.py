"""One multipart upload: complete when it returns, aborted when it raises."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from worker.adapters.s3.body import body_of
from worker.adapters.s3.digest import Digest
from worker.adapters.s3.errors import target_errors
from worker.adapters.s3.options import Arguments, S3Options
from worker.adapters.shielding import run_shielded
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.job import ObjectLocation
from worker.events import Event, emit
from worker.ports import Artifact, BytesDone

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

_MAX_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_ABORT_SECONDS = 10.0


class ObjectHeaders(TypedDict):
    """The headers of an object, by the names of S3's arguments."""

    ContentType: str
    Metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The length of a part, how many are sent at once, and how long a call may take.

    `body_seconds` bounds a call that sends a body. Nothing else does: aiohttp has no write timeout, and the SDK's read
    timeout begins when the whole body has been sent. An endpoint that stops reading would hold the call for ever.
    """

    part_bytes: int
    concurrency: int
    body_seconds: float

    def step(self, size_bytes: int) -> int:
        """The length of a part. It is longer than `part_bytes` where S3's limit of 10,000 parts needs that."""
        return max(self.part_bytes, math.ceil(size_bytes / _MAX_PARTS))


class MultipartUpload:
    """Sends `artifact` to `target`.

    The object has a CRC-32 of its whole: the upload is begun with that algorithm and the type FULL_OBJECT, each part
    carries its own, and the completion names those of the parts and of the whole, which S3 compares
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
    """

    def __init__(
        self,
        client: S3Client,
        artifact: Artifact,
        target: ObjectLocation,
        limits: UploadLimits,
        options: S3Options,
    ) -> None:
        self._client = client
        self._artifact = artifact
        self._target = target
        self._where: Arguments = {"Bucket": target.bucket, "Key": target.key, **options.for_object()}
        self._limits = limits
        self._options = options
        self._has_checksums = sends_checksums(client)

    async def run(self, headers: ObjectHeaders, digest: Digest, on_bytes: BytesDone, condition: Arguments) -> None:
        """Upload all of it; the `condition` must hold at the end.

        When this raises or is cancelled, the upload has been aborted.
        """
        # A task of its own: if this is cancelled midway, the upload may exist at S3, and only the answer has its id.
        creation = asyncio.create_task(self._begin(headers), name=f"begin upload to {self._target}")
        try:
            upload_id = await asyncio.shield(creation)
            parts = await self._send(upload_id, digest, on_bytes)
            await self._complete(
                {"UploadId": upload_id, "MultipartUpload": {"Parts": parts}} | condition, headers, digest
            )
        except BaseException:
            await run_shielded(self._abort(creation))
            raise

    async def _begin(self, headers: ObjectHeaders) -> str:
        checksum = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"} if self._has_checksums else {}
        arguments: Arguments = self._where | headers | checksum | self._options.for_new_object()
        with target_errors(self._target):
            answer = await self._client.create_multipart_upload(**arguments)
        return self._required(answer, "UploadId")

    async def _send(self, upload_id: str, digest: Digest, on_bytes: BytesDone) -> list[CompletedPartTypeDef]:
        size = self._artifact.size_bytes
        step = self._limits.step(size)
        waiting = enumerate(zip(range(0, size, step), digest.parts, strict=True), start=1)
        parts: list[CompletedPartTypeDef] = []
        sent = 0

        async def sender() -> None:
            nonlocal sent
            for number, (offset, crc32) in waiting:  # one iterator for all senders: each takes the next part
                length = min(step, size - offset)
                checksum: Arguments = {"ChecksumCRC32": crc32} if self._has_checksums else {}
                body = body_of(self._artifact, offset, length)
                etag = await self._send_part({"UploadId": upload_id, "PartNumber": number, "Body": body, **checksum})
                parts.append({"PartNumber": number, "ETag": etag, **checksum})  # type: ignore[typeddict-item]
                sent += length
                on_bytes(sent)

        await _all_or_first_error(sender() for _ in range(self._limits.concurrency))
        return sorted(parts, key=lambda part: part.get("PartNumber", 0))

    async def _send_part(self, part: Arguments) -> str:
        with target_errors(self._target):
            async with asyncio.timeout(self._limits.body_seconds):
                answer = await self._client.upload_part(**self._where, **part)
        return self._required(answer, "ETag")

    async def _complete(self, upload: Arguments, headers: ObjectHeaders, digest: Digest) -> None:
        checksum: Arguments = {}
        if self._has_checksums:
            checksum = {"ChecksumCRC32": digest.crc32, "ChecksumType": "FULL_OBJECT"}
        with target_errors(self._target):
            try:
                await self._client.complete_multipart_upload(**self._where, **upload, **checksum)
            except self._client.exceptions.NoSuchUpload:
                # The first answer was lost, and the SDK has asked again.
                if not await self._is_complete(headers):
                    raise

    async def _is_complete(self, headers: ObjectHeaders) -> bool:
        """Whether the target is the object of this upload. False where the role may not read targets."""
        try:
            found = await self._client.head_object(**self._where)
        except ClientError:
            return False
        return found["Metadata"] == headers["Metadata"]

    def _required(self, answer: Mapping[str, Any], name: str) -> str:
        """Raises DependencyUnavailableError where the answer has no such member: it comes from something else."""
        value = answer.get(name)
        if not value:
            raise DependencyUnavailableError("S3", f"answered without {name} for {self._target}")
        return str(value)

    async def _abort(self, creation: asyncio.Task[str]) -> None:
        """Abort the upload. Where that fails, a line is logged, and the bucket's lifecycle rule has to do it."""
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                upload_id = await _result_or_none(creation)
                if upload_id is not None:
                    with target_errors(self._target), suppress(self._client.exceptions.NoSuchUpload):
                        await self._client.abort_multipart_upload(**self._where, UploadId=upload_id)
        except (WorkerError, TimeoutError) as exc:
            emit(Event.UPLOAD_ABORT_FAILED, target=str(self._target), error=str(exc) or "no answer in time")


def sends_checksums(client: S3Client) -> bool:
    """False where AWS_REQUEST_CHECKSUM_CALCULATION says `when_required`, for an endpoint that knows no checksums."""
    config: Any = client.meta.config
    return bool(config.request_checksum_calculation != "when_required")


async def drop_unfinished(client: S3Client, target: ObjectLocation, options: S3Options) -> None:
    """Abort all uploads to the target. Where the role may not list them, the bucket's lifecycle rule has to do it."""
    arguments: Arguments = {"Bucket": target.bucket, **options.for_object()}
    with suppress(WorkerError), target_errors(target):
        answer = await client.list_multipart_uploads(**arguments, Prefix=target.key)
        for upload in answer.get("Uploads", ()):
            if upload.get("Key") == target.key:
                with suppress(client.exceptions.NoSuchUpload):
                    await client.abort_multipart_upload(
                        **arguments, Key=target.key, UploadId=upload.get("UploadId", "")
                    )


async def _result_or_none(creation: asyncio.Task[str]) -> str | None:
    """The upload's id, or None where it could not be begun."""
    try:
        return await creation
    except WorkerError:
        return None


async def _all_or_first_error(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all of them at once; the first error cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        first = failures.exceptions[0]
        raise first from first.__cause__
