"""One multipart upload: begun, sent in parts, and completed, or aborted when it raises.

Where S3 does not answer to an abort in time, a line is logged, and the bucket's lifecycle rule removes the parts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypedDict

from botocore.exceptions import ClientError

from worker.adapters.s3.body import body_of
from worker.adapters.s3.digest import Digest
from worker.adapters.s3.errors import condition_errors, required, target_errors
from worker.adapters.s3.options import Arguments, S3Options
from worker.adapters.shielding import run_shielded
from worker.domain.errors import WorkerError
from worker.domain.job import ObjectLocation
from worker.events import Event, emit
from worker.ports import Artifact, BytesDone
from worker.waiting import all_or_first_error

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

MAX_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_ABORT_SECONDS = 10.0
# How long a job waits until its upload is aborted. A worker that stops has other things to do before its time is over:
# to record how the job ended, and to give its message back.
ABORT_WAIT_SECONDS = 1.0


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
        return max(self.part_bytes, math.ceil(size_bytes / MAX_PARTS))


class Part(NamedTuple):
    """A range of an artifact, with its CRC-32 as S3 writes it."""

    number: int  # from 1
    offset: int
    length: int
    crc32: str


class MultipartUpload:
    """One upload to `target`: begun, sent in parts in any order, and completed or aborted.

    The object has a CRC-32 of its whole: the upload is begun with that algorithm and the type FULL_OBJECT, each part
    carries its own, and the completion names those of the parts and of the whole, which S3 compares
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
    """

    def __init__(
        self,
        client: S3Client,
        target: ObjectLocation,
        headers: ObjectHeaders,
        limits: UploadLimits,
        options: S3Options,
    ) -> None:
        self._client = client
        self._target = target
        self._headers = headers
        self._where: Arguments = {"Bucket": target.bucket, "Key": target.key, **options.for_object()}
        self._limits = limits
        self._options = options
        self._has_checksums = sends_checksums(client)
        self._creation: asyncio.Task[str] | None = None
        self._may_be_doubled = False  # S3 may have begun another one, whose answer with its id was lost
        self._parts: dict[int, CompletedPartTypeDef] = {}

    @asynccontextmanager
    async def among(self, own: set[MultipartUpload]) -> AsyncIterator[Self]:
        """Stay among a store's `own` for as long as the `with` lasts: `drop_unfinished` leaves those alone.

        Another one that S3 may have begun is dropped after it, whether this one succeeds or not.
        """
        own.add(self)
        try:
            yield self
        finally:
            own.discard(self)
            if self._may_be_doubled:
                work = drop_unfinished(self._client, self._target, self._options, own=own)
                await run_shielded(work, seconds=ABORT_WAIT_SECONDS)

    async def run(self, artifact: Artifact, digest: Digest, on_bytes: BytesDone, condition: Arguments) -> None:
        """Upload all of the artifact; the `condition` must hold at the end.

        When this raises or is cancelled, the upload has been aborted, or S3 has not answered to that within a second.
        Raises what `begin`, `send` and `complete` raise.
        """
        step = self._limits.step(artifact.size_bytes)
        bounds = pairwise([*range(0, artifact.size_bytes, step), artifact.size_bytes])
        parts = [
            Part(number, begin, end - begin, crc32)
            for number, ((begin, end), crc32) in enumerate(zip(bounds, digest.parts, strict=True), start=1)
        ]
        try:
            await self.begin()
            await self.send(artifact, parts, on_bytes)
            await self.complete(artifact.size_bytes, digest, condition)
        except BaseException:
            await run_shielded(self.abort(), seconds=ABORT_WAIT_SECONDS)
            raise

    async def begin(self) -> None:
        """Begin the upload. `complete` or `abort` must follow, also where this is cancelled midway.

        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """
        # A task of its own: if this is cancelled, the upload may exist at S3, and only the answer has its id.
        self._creation = asyncio.create_task(self._created(), name=f"begin upload to {self._target}")
        await asyncio.shield(self._creation)

    async def _created(self) -> str:
        checksum = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"} if self._has_checksums else {}
        arguments: Arguments = self._where | self._headers | checksum | self._options.for_new_object()
        self._may_be_doubled = True
        with target_errors(self._target):
            answer = await self._client.create_multipart_upload(**arguments)
        self._may_be_doubled = answer["ResponseMetadata"]["RetryAttempts"] > 0
        return required(answer, "UploadId", self._target)

    async def send(self, artifact: Artifact, parts: Iterable[Part], on_bytes: BytesDone) -> None:
        """Send those parts, some at once; `on_bytes` gets how many bytes of them are sent.

        Raises what `send_part` raises.
        """
        waiting, sent = iter(parts), 0

        async def sender() -> None:
            nonlocal sent
            for part in waiting:  # one iterator for all senders: each takes the next part
                await self.send_part(artifact, part)
                sent += part.length
                on_bytes(sent)

        await all_or_first_error(sender() for _ in range(self._limits.concurrency))

    async def send_part(self, artifact: Artifact, part: Part) -> None:
        """Send one part. Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError."""
        checksum: Arguments = {"ChecksumCRC32": part.crc32} if self._has_checksums else {}
        body = body_of(artifact, part.offset, part.length)
        upload_id = await self._upload_id()
        with target_errors(self._target):
            async with asyncio.timeout(self._limits.body_seconds):
                answer = await self._client.upload_part(
                    **self._where, UploadId=upload_id, PartNumber=part.number, Body=body, **checksum
                )
        etag = required(answer, "ETag", self._target)
        self._parts[part.number] = {"PartNumber": part.number, "ETag": etag, **checksum}  # type: ignore[typeddict-item]

    async def complete(self, size_bytes: int, digest: Digest, condition: Arguments) -> None:
        """Have S3 make the object of the parts. It compares the checksum, where checksums are sent.

        The size and the digest also tell the object where S3's answer was lost, so that the upload is gone.
        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError, and ObjectExistsError where the
        `condition` does not hold.
        """
        checksum: Arguments = {}
        if self._has_checksums:
            checksum = {"ChecksumCRC32": digest.crc32, "ChecksumType": "FULL_OBJECT"}
        parts = [part for _, part in sorted(self._parts.items())]
        upload: Arguments = {"UploadId": await self._upload_id(), "MultipartUpload": {"Parts": parts}}
        with target_errors(self._target), condition_errors(self._target) if condition else nullcontext():
            try:
                await self._client.complete_multipart_upload(**self._where, **upload, **condition, **checksum)
            except self._client.exceptions.NoSuchUpload:
                # The first answer was lost, and the SDK has asked again.
                if not await self._is_complete(size_bytes, digest):
                    raise

    async def _is_complete(self, size_bytes: int, digest: Digest) -> bool:
        """Whether the target is the object of this upload. False where that cannot be known.

        An object is known by the SHA-256 in its metadata, or, where the upload began before that was known, by the
        checksum that S3 has of it.
        """
        mode: Arguments = {"ChecksumMode": "ENABLED"} if self._has_checksums else {}
        try:
            found = await self._client.head_object(**self._where, **mode)
        except ClientError:
            return False
        if found["Metadata"] != self._headers["Metadata"] or found.get("ContentLength", size_bytes) != size_bytes:
            return False
        return "sha256" in self._headers["Metadata"] or found.get("ChecksumCRC32") == digest.crc32

    async def _upload_id(self) -> str:
        assert self._creation is not None
        return await asyncio.shield(self._creation)

    async def abort(self) -> None:
        """Abort the upload. Where that fails, a line is logged, and the bucket's lifecycle rule has to do it.

        The same holds where this is cancelled: a worker that ends does not wait for S3's answer.
        """
        try:
            async with asyncio.timeout(_ABORT_SECONDS):
                upload_id = await _result_or_none(self._creation)
                if upload_id is not None:
                    with target_errors(self._target), suppress(self._client.exceptions.NoSuchUpload):
                        await self._client.abort_multipart_upload(**self._where, UploadId=upload_id)
        except (WorkerError, TimeoutError) as exc:
            self._log_failed_abort(str(exc) or "no answer in time")
        except asyncio.CancelledError:
            self._log_failed_abort("the worker ended before S3 answered")
            raise

    def _log_failed_abort(self, error: str) -> None:
        emit(Event.UPLOAD_ABORT_FAILED, target=str(self._target), error=error)

    async def id_at(self, target: ObjectLocation) -> str | None:
        """The upload's id, if it is one to that target and S3 has begun it. An answer on its way is waited for."""
        creation = self._creation
        if creation is None or self._target != target:
            return None
        await asyncio.wait([creation])
        return None if creation.cancelled() or creation.exception() else creation.result()


def sends_checksums(client: S3Client) -> bool:
    """Whether checksums are sent: not where AWS_REQUEST_CHECKSUM_CALCULATION is `when_required`."""
    config: Any = client.meta.config
    return bool(config.request_checksum_calculation != "when_required")


async def drop_unfinished(
    client: S3Client, target: ObjectLocation, options: S3Options, *, own: Collection[MultipartUpload] = ()
) -> None:
    """Abort the uploads to the target, as far as the first page of S3's list has them, but not the `own`.

    Others may be added to these meanwhile.
    Raises nothing: what is left, for whatever reason, the bucket's lifecycle rule removes.
    """
    arguments: Arguments = {"Bucket": target.bucket, **options.for_object()}
    with suppress(WorkerError), target_errors(target):
        answer = await client.list_multipart_uploads(**arguments, Prefix=target.key)
        own_ids = {await upload.id_at(target) for upload in tuple(own)}  # after the list, which may have new ones
        for upload in answer.get("Uploads", ()):
            if upload.get("Key") == target.key and upload.get("UploadId") not in own_ids:
                with suppress(client.exceptions.NoSuchUpload):
                    await client.abort_multipart_upload(
                        **arguments, Key=target.key, UploadId=upload.get("UploadId", "")
                    )


async def _result_or_none(creation: asyncio.Task[str] | None) -> str | None:
    """The upload's id, or None where it was not begun."""
    if creation is None:
        return None
    try:
        return await creation
    except WorkerError:
        return None
