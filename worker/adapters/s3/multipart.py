"""One multipart upload: complete when it returns, aborted when it raises."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from worker.adapters.aws.client import ErrorTable, translated
from worker.adapters.s3.body import body_of
from worker.adapters.shielding import run_shielded
from worker.domain.errors import WorkerError
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
    timeout begins when the whole body has been sent. An endpoint that never answers "100 Continue", or stops reading,
    would hold the call for ever.
    """

    part_bytes: int
    concurrency: int
    body_seconds: float

    def step(self, size_bytes: int) -> int:
        """The length of a part. It is longer than `part_bytes` where S3's limit of 10,000 parts needs that."""
        return max(self.part_bytes, math.ceil(size_bytes / _MAX_PARTS))


class MultipartUpload:
    """Sends `artifact` to `target`. `errors` is the table by which S3's refusals become ours."""

    def __init__(
        self, client: S3Client, artifact: Artifact, target: ObjectLocation, limits: UploadLimits, errors: ErrorTable
    ) -> None:
        self._client = client
        self._artifact = artifact
        self._target = target
        self._limits = limits
        self._errors = errors

    async def run(self, headers: ObjectHeaders, on_bytes: BytesDone) -> None:
        """Upload all of it. When this raises or is cancelled, the upload has been aborted."""
        # A task of its own: if this is cancelled midway, the upload may exist at S3, and only the answer has its id.
        creation = asyncio.create_task(self._begin(headers), name=f"begin upload to {self._target}")
        try:
            upload_id = await asyncio.shield(creation)
            parts = await self._send(upload_id, on_bytes)
            await self._complete(upload_id, parts, headers)
        except BaseException:
            await run_shielded(self._abort(creation))
            raise

    async def _begin(self, headers: ObjectHeaders) -> str:
        with translated("S3", self._errors):
            answer = await self._client.create_multipart_upload(
                Bucket=self._target.bucket, Key=self._target.key, **headers
            )
        return answer["UploadId"]

    async def _send(self, upload_id: str, on_bytes: BytesDone) -> list[CompletedPartTypeDef]:
        size = self._artifact.size_bytes
        step = self._limits.step(size)
        waiting = enumerate(range(0, size, step), start=1)
        parts: list[CompletedPartTypeDef] = []
        sent = 0

        async def sender() -> None:
            nonlocal sent
            for number, offset in waiting:  # one iterator for all senders: each takes the next part
                length = min(step, size - offset)
                parts.append({"PartNumber": number, "ETag": await self._send_part(upload_id, number, offset, length)})
                sent += length
                on_bytes(sent)

        await _all_or_first_error(sender() for _ in range(self._limits.concurrency))
        return sorted(parts, key=lambda part: part.get("PartNumber", 0))

    async def _send_part(self, upload_id: str, number: int, offset: int, length: int) -> str:
        with translated("S3", self._errors):
            async with asyncio.timeout(self._limits.body_seconds):
                answer = await self._client.upload_part(
                    Bucket=self._target.bucket,
                    Key=self._target.key,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=body_of(self._artifact, offset, length),
                )
        return answer["ETag"]

    async def _complete(self, upload_id: str, parts: list[CompletedPartTypeDef], headers: ObjectHeaders) -> None:
        bucket, key = self._target.bucket, self._target.key
        with translated("S3", self._errors):
            try:
                await self._client.complete_multipart_upload(
                    Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
            except self._client.exceptions.NoSuchUpload:
                # The first answer was lost, and the SDK has asked again.
                if not await self._is_complete(headers):
                    raise

    async def _is_complete(self, headers: ObjectHeaders) -> bool:
        """Whether the target is the object of this upload. False where the role may not read targets."""
        try:
            found = await self._client.head_object(Bucket=self._target.bucket, Key=self._target.key)
        except ClientError:
            return False
        return found["Metadata"] == headers["Metadata"]

    async def _abort(self, creation: asyncio.Task[str]) -> None:
        """Abort the upload. Where that fails, a line is logged, and the bucket's lifecycle rule has to do it."""
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                upload_id = await _result_or_none(creation)
                if upload_id is not None:
                    with translated("S3"), suppress(self._client.exceptions.NoSuchUpload):
                        await self._client.abort_multipart_upload(
                            Bucket=self._target.bucket, Key=self._target.key, UploadId=upload_id
                        )
        except (WorkerError, TimeoutError) as exc:
            emit(Event.UPLOAD_ABORT_FAILED, target=str(self._target), error=str(exc) or "no answer in time")


async def drop_unfinished(client: S3Client, target: ObjectLocation) -> None:
    """Abort all uploads to the target. Where the role may not list them, the bucket's lifecycle rule has to do it."""
    bucket, key = target.bucket, target.key
    with suppress(WorkerError), translated("S3"):
        answer = await client.list_multipart_uploads(Bucket=bucket, Prefix=key)
        for upload in answer.get("Uploads", ()):
            if upload.get("Key") == key:
                with suppress(client.exceptions.NoSuchUpload):
                    await client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.get("UploadId", ""))


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
