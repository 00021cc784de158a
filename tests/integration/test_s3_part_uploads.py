"""What S3's answers about an upload in parts mean where the role may not list the bucket."""

from __future__ import annotations

import aioboto3
import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import LIMITS
from worker.adapters.aws.client import open_client
from worker.adapters.s3.part_uploads import PartUploads
from worker.domain.job import ObjectLocation


async def test_an_object_that_may_not_be_looked_at_counts_as_not_there(
    aws_endpoint: str, bucket: str, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 answers 403 about a missing object where the role has no s3:ListBucket."""
    with FaultProxy(aws_endpoint).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.refuse(calls_of("HeadObject"), 403, "AccessDenied", times=1)
        async with open_client(aws_session, "s3", LIMITS) as client:
            await client.put_object(Bucket=bucket, Key="a.wav", Body=b"12")
            uploads = PartUploads(client)
            found = [await uploads.is_there(ObjectLocation(bucket, "a.wav"), 2) for _ in range(2)]

    assert found == [False, True]
