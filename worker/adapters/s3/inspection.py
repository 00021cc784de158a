"""Whether a bucket exists, and whether the worker's role may read its objects and write new ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from worker.adapters.aws.client import DENIED, translated
from worker.adapters.aws.rights import TrialCall, denied_actions
from worker.adapters.s3.errors import required, source_errors, target_errors
from worker.adapters.s3.options import S3Options
from worker.domain.errors import AccessDeniedError, SourceNotFoundError
from worker.domain.job import ObjectLocation
from worker.ports import DependencyMissingError, NotAllowedError


async def inspect_bucket(client: Any, bucket: str) -> None:
    """See that the bucket exists. Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(DENIED, lambda: NotAllowedError("s3:ListBucket")) | dict.fromkeys(
        ("404", "NoSuchBucket"), lambda: DependencyMissingError(f"bucket {bucket}")
    )
    with translated("S3", errors):
        await client.head_bucket(Bucket=bucket)


async def try_reading(client: Any, source: ObjectLocation, options: S3Options, *, may_list: bool) -> None:
    """Ask for the object `source`, which need not exist.

    Raises AccessDeniedError and DependencyUnavailableError. S3 denies a missing object, too, where the role may not
    list the bucket: without `may_list` that shows nothing, and NotAllowedError is raised.
    """
    try:
        with suppress(SourceNotFoundError), source_errors(source):
            found = await client.get_object(Bucket=source.bucket, Key=source.key, **options.for_object())
            found["Body"].close()
    except AccessDeniedError as exc:
        if not may_list:
            raise NotAllowedError("s3:ListBucket") from exc
        raise


async def try_writing(client: Any, target: ObjectLocation, options: S3Options) -> Sequence[str]:
    """Begin a multipart upload to `target` and abort it, which writes nothing.

    Returns the actions that are denied and that the worker can do without.
    Raises AccessDeniedError, TargetRefusedError, DependencyUnavailableError.
    """
    where = {"Bucket": target.bucket, "Key": target.key, **options.for_object()}
    with target_errors(target):
        answer = await client.create_multipart_upload(**where | options.for_new_object())
    upload_id = required(answer, "UploadId", target)

    async def abort() -> None:
        await client.abort_multipart_upload(**where, UploadId=upload_id)

    async def list_uploads() -> None:
        await client.list_multipart_uploads(Bucket=target.bucket, Prefix=target.key, **options.for_object())

    attempts = [TrialCall("s3:AbortMultipartUpload", abort), TrialCall("s3:ListBucketMultipartUploads", list_uploads)]
    return await denied_actions("S3", attempts, {})
