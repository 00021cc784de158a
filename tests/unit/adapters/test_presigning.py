"""Presigned requests are of Signature Version 4 everywhere: S3 refuses version 2 for objects under a KMS key.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

import aioboto3
import pytest

from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.s3.options import S3Options
from worker.adapters.s3.presigning import S3Presigner
from worker.domain.job import ObjectLocation

LIMITS = ClientLimits(connect_seconds=1, read_seconds=1, attempts=1, connections=1, presigns=True)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1"])
async def test_forms_and_urls_are_signed_by_version_4_in_every_region(region: str) -> None:
    session = aioboto3.Session(aws_access_key_id="key-id", aws_secret_access_key="key", region_name=region)
    target = ObjectLocation("bucket", "a name.wav")

    async with open_client(session, "s3", LIMITS) as client:
        presigner = S3Presigner(client)
        form = await presigner.upload(target, size_bytes=5, content_type="audio/wav", seconds=60)
        url = await presigner.download(target, seconds=60)

    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert parse_qs(urlsplit(url).query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


async def test_forms_and_urls_carry_the_options_of_the_settings_in_what_is_signed() -> None:
    session = aioboto3.Session(aws_access_key_id="key-id", aws_secret_access_key="key", region_name="eu-west-1")
    target = ObjectLocation("bucket", "a name.wav")
    options = S3Options("requester", "aws:kms", "alias/audio", "bucket-owner-full-control", "STANDARD_IA")

    async with open_client(session, "s3", LIMITS) as client:
        presigner = S3Presigner(client, options)
        form = await presigner.upload(target, size_bytes=5, content_type="audio/wav", seconds=60)
        query = parse_qs(urlsplit(await presigner.download(target, seconds=60)).query)

    wanted = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "alias/audio",
        "acl": "bucket-owner-full-control",
        "x-amz-storage-class": "STANDARD_IA",
    }
    conditions = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]
    assert wanted.items() <= form.fields.items()
    assert all({name: value} in conditions for name, value in wanted.items())
    assert query["x-amz-request-payer"] == ["requester"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
