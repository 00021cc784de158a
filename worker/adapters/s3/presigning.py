"""URLs of S3 that carry a permission for a while: to upload one object, or to download one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from worker.adapters.aws.client import translated
from worker.domain.job import ObjectLocation

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


@dataclass(frozen=True, slots=True)
class PostForm:
    """Where a form is posted, and its fields beside the file, which comes last."""

    url: str
    fields: Mapping[str, str]


class S3Presigner:
    """Signs with the credentials of the process. S3 is not asked."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    async def upload(self, target: ObjectLocation, *, size_bytes: int, content_type: str, seconds: int) -> PostForm:
        """The form that puts one object of that size and type at `target`, for so many seconds.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        Raises DependencyUnavailableError where there are no credentials.
        """
        with translated("S3"):
            form = await self._client.generate_presigned_post(
                Bucket=target.bucket,
                Key=target.key,
                Fields={"Content-Type": content_type},
                Conditions=[
                    {"Content-Type": content_type},
                    ["content-length-range", size_bytes, size_bytes],
                ],
                ExpiresIn=seconds,
            )
        return PostForm(form["url"], form["fields"])

    async def download(self, source: ObjectLocation, *, seconds: int) -> str:
        """The URL that downloads the object under the last part of its key, for so many seconds.

        Raises DependencyUnavailableError where there are no credentials.
        """
        name = source.key.rpartition("/")[2] or "download"
        with translated("S3"):
            return await self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": source.bucket,
                    "Key": source.key,
                    "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
                },
                ExpiresIn=seconds,
            )
