"""URLs of S3 that carry a permission for a while: to upload one object, or to download one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from worker.adapters.aws.client import translated
from worker.adapters.s3.options import S3Options
from worker.domain.job import ObjectLocation

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_PAYER = "x-amz-request-payer"


@dataclass(frozen=True, slots=True)
class PostForm:
    """Where a form is posted, and its fields beside the file, which comes last."""

    url: str
    fields: Mapping[str, str]


class S3Presigner:
    """Signs with the credentials of the process. S3 is not asked."""

    def __init__(self, client: S3Client, options: S3Options = S3Options()) -> None:  # noqa: B008 - it is frozen
        self._client = client
        self._options = options
        client.meta.events.register("before-sign.s3.GetObject", _move_payer_to_query)

    async def upload(self, target: ObjectLocation, *, size_bytes: int, content_type: str, seconds: int) -> PostForm:
        """The form that puts one object of that size and type at `target`, for so many seconds.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        Raises DependencyUnavailableError where there are no credentials.
        """
        fields = {"Content-Type": content_type, **self._options.form_fields()}
        with translated("S3"):
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
