"""URLs of S3 that carry a permission for a while: to upload one object, or to download one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from worker.adapters.aws.client import translated
from worker.adapters.s3.options import S3Options
from worker.domain.job import ObjectLocation

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_PAYER = "x-amz-request-payer"

ValidSeconds = Callable[[int], Awaitable[int]]  # for how many of so many seconds the credentials are valid


async def as_many_as_asked(seconds: int) -> int:
    """For credentials that never end: all of the seconds."""
    return seconds


@dataclass(frozen=True, slots=True)
class PostForm:
    """Where a form is posted, its fields beside the file, which comes last, and for how many seconds it is valid."""

    url: str
    fields: Mapping[str, str]
    valid_seconds: int


class S3Presigner:
    """Signs with the credentials of the process. S3 is not asked.

    S3 takes what is signed for as long as the credentials are valid that signed it, and no longer
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
    """

    def __init__(
        self,
        client: S3Client,
        options: S3Options = S3Options(),  # noqa: B008 - it is frozen
        valid_seconds: ValidSeconds = as_many_as_asked,
    ) -> None:
        self._client = client
        self._options = options
        self._valid_seconds = valid_seconds
        client.meta.events.register("before-sign.s3.GetObject", _move_payer_to_query)

    async def upload(self, target: ObjectLocation, *, size_bytes: int, content_type: str, seconds: int) -> PostForm:
        """The form that puts one object of that size and type at `target`, for at most so many seconds.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        Raises DependencyUnavailableError where there are no credentials.
        """
        fields = {"Content-Type": content_type, **self._options.form_fields()}
        with translated("S3"):
            valid_seconds = await self._valid_seconds(seconds)  # before it is signed: new credentials end later
            form = await self._client.generate_presigned_post(
                Bucket=target.bucket,
                Key=target.key,
                Fields=dict(fields),
                Conditions=[
                    *({name: value} for name, value in fields.items()),
                    ["content-length-range", size_bytes, size_bytes],
                ],
                ExpiresIn=seconds,
            )
        return PostForm(form["url"], form["fields"], valid_seconds)

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
                    **self._options.for_object(),
                },
                ExpiresIn=seconds,
            )


def _move_payer_to_query(request: Any, **_: object) -> None:
    """Who follows a URL sends no headers of S3's; S3 takes this one from the query, too.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
    """
    if (payer := request.headers.get(_PAYER)) is not None:
        del request.headers[_PAYER]
        request.params = {**request.params, _PAYER: payer}
