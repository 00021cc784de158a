"""Whether a bucket exists, for the doctor."""

from __future__ import annotations

from typing import Any

from worker.adapters.aws.client import DENIED, translated
from worker.ports import DependencyMissingError, NotAllowedError


async def inspect_bucket(client: Any, bucket: str) -> None:
    """See that the bucket exists. Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(DENIED, lambda: NotAllowedError("s3:ListBucket")) | dict.fromkeys(
        ("404", "NoSuchBucket"), lambda: DependencyMissingError(f"bucket {bucket}")
    )
    with translated("S3", errors):
        await client.head_bucket(Bucket=bucket)
