"""Uploads in parts that others send by presigned requests, and that go on where they stopped: S3's multipart uploads.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from worker.adapters.aws.client import refusal_of, translated
from worker.adapters.s3.errors import head_errors, required, source_errors, target_errors
from worker.adapters.s3.options import Arguments, S3Options
from worker.adapters.s3.presigning import ValidSeconds, as_many_as_asked
from worker.domain.errors import AccessDeniedError, SourceNotFoundError, WorkerError
from worker.domain.job import ObjectLocation

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class UploadGoneError(WorkerError):
    """S3 knows no such upload: it was completed or aborted, or never begun."""


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that S3 holds. Parts are numbered from 1."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class PartUrl:
    """Where a part is put, and for how many seconds that may be done."""

    url: str
    valid_seconds: int


class PartUploads:
    """Multipart uploads by their ids. Nothing is kept of them here."""

    def __init__(
        self,
        client: S3Client,
        options: S3Options = S3Options(),  # noqa: B008 - it is frozen
        valid_seconds: ValidSeconds = as_many_as_asked,
    ) -> None:
        self._client = client
        self._options = options
        self._valid_seconds = valid_seconds

    async def begin(self, target: ObjectLocation, content_type: str) -> str:
        """Begin an upload of an object of that type, and return its id.

        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """
        with target_errors(target):
            answer = await self._client.create_multipart_upload(
                Bucket=target.bucket, Key=target.key, ContentType=content_type, **self._options.for_new_object()
            )
        return required(answer, "UploadId", target)

    async def url(
        self, target: ObjectLocation, upload_id: str, number: int, *, size_bytes: int, seconds: int
    ) -> PartUrl:
        """The URL to which one part of that size is put, for at most so many seconds.

        S3 is not asked. Raises DependencyUnavailableError where there are no credentials to sign with.
        """
        part: Arguments = {"PartNumber": number, "ContentLength": size_bytes}
        with translated("S3"):
            valid_seconds = await self._valid_seconds(seconds)  # before it is signed: new credentials end later
            url = await self._client.generate_presigned_url(
                "upload_part", Params={**self._of(target, upload_id), **part}, ExpiresIn=seconds
            )
        return PartUrl(url, valid_seconds)

    async def sent(self, target: ObjectLocation, upload_id: str) -> Sequence[SentPart]:
        """The parts that S3 holds, in their order.

        Raises UploadGoneError, TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """
        parts: list[SentPart] = []
        marker: Arguments = {}
        with _errors(target):
            while True:
                page = await self._client.list_parts(**self._of(target, upload_id), **marker)
                parts += [SentPart(part["PartNumber"], part["Size"], part["ETag"]) for part in page.get("Parts", [])]
                if not page.get("IsTruncated"):
                    return parts
                marker = {"PartNumberMarker": page["NextPartNumberMarker"]}

    async def complete(self, target: ObjectLocation, upload_id: str, parts: Sequence[SentPart]) -> None:
        """Make an object of these parts. Raises what `sent` raises."""
        named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        arguments: Arguments = {**self._of(target, upload_id), "MultipartUpload": {"Parts": named}}
        with _errors(target):
            await self._client.complete_multipart_upload(**arguments)

    async def abort(self, target: ObjectLocation, upload_id: str) -> None:
        """Have S3 delete the parts. Raises what `sent` raises."""
        with _errors(target):
            await self._client.abort_multipart_upload(**self._of(target, upload_id))

    async def is_there(self, target: ObjectLocation, size_bytes: int) -> bool:
        """Whether there is an object of that size: an upload that was completed is gone, too, if the answer was lost.

        Without s3:ListBucket, S3 answers 403 about an object that is not there
        (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
        Raises DependencyUnavailableError.
        """
        try:
            with source_errors(target), head_errors(target):
                found = await self._client.head_object(
                    Bucket=target.bucket, Key=target.key, **self._options.for_object()
                )
        except (SourceNotFoundError, AccessDeniedError):
            return False
        return found.get("ContentLength") == size_bytes

    def _of(self, target: ObjectLocation, upload_id: str) -> Arguments:
        where = {"Bucket": target.bucket, "Key": target.key, "UploadId": upload_id}
        return {**where, **self._options.for_object()}


@contextmanager
def _errors(target: ObjectLocation) -> Iterator[None]:
    with target_errors(target):
        try:
            yield
        except ClientError as exc:
            if refusal_of(exc).code == "NoSuchUpload":
                raise UploadGoneError(f"there is no such upload of {target}") from exc
            raise
