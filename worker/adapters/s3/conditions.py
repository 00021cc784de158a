"""Requests that change an object only as it was when it was looked at, and stores that do not know such requests.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from worker.adapters.aws.client import refusal_of
from worker.adapters.s3.options import Arguments
from worker.ports import Seen

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


def replacing(seen: Seen | None) -> Arguments:
    """If-Match or If-None-Match, for a write that replaces only what was seen. Empty for None: any may be replaced."""
    if seen is None:
        return {}
    return {"IfNoneMatch": "*"} if seen.etag is None else {"IfMatch": seen.etag}


def is_not_implemented(error: BaseException | None) -> bool:
    """Whether the store does not know such requests."""
    if not isinstance(error, ClientError):
        return False
    refusal = refusal_of(error)
    return refusal.status == 501 or refusal.code == "NotImplemented"


async def delete_unchanged(client: S3Client, where: Arguments, etag: str | None) -> None:
    """Delete the object if it still has that ETag, or whatever it is where the store has no conditional deletes.

    Raises ClientError.
    """
    if etag:
        try:
            await client.delete_object(**where, IfMatch=etag)
        except ClientError as exc:
            if refusal_of(exc).status == 404:  # the answer to a first try was lost, or another delivery was faster
                return
            if not is_not_implemented(exc):
                raise
        else:
            return
    await client.delete_object(**where)
