"""What the worker's calls to S3 look like on the wire, with and without TLS."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import Call
from tests.support.certificate import Certificate
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import ANYWHERE, LIMITS, MIB, artifact_of, store_at, upload
from tests.support.scripted_http import scripted_http
from worker.adapters.aws.client import open_client
from worker.adapters.s3.options import S3Options
from worker.adapters.s3.store import S3Store
from worker.domain.errors import AccessDeniedError, DependencyUnavailableError
from worker.domain.job import ObjectLocation

SIZES = pytest.mark.parametrize("size", [0, 1000, MIB, 17 * MIB + 3])
ALL = S3Options("requester", "aws:kms", "alias/audio", "bucket-owner-full-control", "STANDARD_IA")


@pytest.fixture(params=["http", "https"])
def proxy(request: pytest.FixtureRequest, aws_endpoint: str, tmp_path: Path) -> Iterator[FaultProxy]:
    certificate = Certificate(tmp_path)
    tls = certificate.server() if request.param == "https" else None
    with FaultProxy(aws_endpoint).running(tls) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(certificate.file))
        yield proxy


@asynccontextmanager
async def store_with(session: aioboto3.Session, proxy: FaultProxy, options: S3Options) -> AsyncIterator[S3Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        async with open_client(session, "s3", LIMITS) as client:
            yield S3Store(client, options, part_bytes=5 * MIB)


def bodies(proxy: FaultProxy) -> list[Call]:
    return proxy.seen("PutObject") + proxy.seen("UploadPart")


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@SIZES
async def test_each_body_is_sent_at_once_with_its_length_and_checksum(
    size: int, proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async with store_at(aws_session, proxy.url) as store:
        await upload(store, artifact_of(tmp_path / "file", size), ObjectLocation(bucket, "target"))

    assert sum(int(call.headers["content-length"]) for call in bodies(proxy)) == size
    for call in bodies(proxy):
        assert "expect" not in call.headers
        assert "transfer-encoding" not in call.headers
        assert call.headers["x-amz-checksum-crc32"] == crc32(bytes(int(call.headers["content-length"])))
        assert call.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        assert "x-amz-checksum-crc32" in call.headers["authorization"]  # among the signed headers
    found = await s3_client.head_object(Bucket=bucket, Key="target")
    assert found["ContentLength"] == size


async def test_the_three_calls_of_a_multipart_upload_agree_on_a_checksum_of_the_full_object(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async with store_at(aws_session, proxy.url) as store:
        await upload(store, artifact_of(tmp_path / "file", 17 * MIB), ObjectLocation(bucket, "target"))

    (begin,), (complete,) = proxy.seen("CreateMultipartUpload"), proxy.seen("CompleteMultipartUpload")
    assert begin.headers["x-amz-checksum-algorithm"] == "CRC32"
    assert begin.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    of_parts = {call.headers["x-amz-checksum-crc32"] for call in proxy.seen("UploadPart")}
    assert of_parts == {crc32(bytes(5 * MIB)), crc32(bytes(2 * MIB))}
    assert complete.headers["x-amz-checksum-crc32"] == crc32(bytes(17 * MIB))
    assert complete.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert set(re.findall("<ChecksumCRC32>(.*?)</ChecksumCRC32>", complete.body.decode())) == of_parts


@SIZES
async def test_where_the_sdk_is_told_to_send_no_checksums_none_is_sent(
    size: int,
    proxy: FaultProxy,
    bucket: str,
    aws_session: aioboto3.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")

    async with store_at(aws_session, proxy.url) as store:
        await upload(store, artifact_of(tmp_path / "file", size), ObjectLocation(bucket, "target"))

    assert not [name for call in proxy.calls for name in call.headers if name.startswith("x-amz-checksum")]


@pytest.mark.parametrize("size", [1000, 17 * MIB])
async def test_what_the_settings_ask_for_is_on_every_call_that_takes_it(
    size: int, proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    target = ObjectLocation(bucket, "target")

    async with store_with(aws_session, proxy, ALL) as store:
        await store.drop_unfinished(target)
        await store.upload(
            artifact_of(tmp_path / "file", size), target, content_type="audio/wav", job_id="j", on_bytes=lambda _: None
        )
        await store.download(
            target, tmp_path / "source", limit_bytes=size, on_start=lambda _: None, on_bytes=lambda _: None
        )
        await store.remove(target, "j")

    assert {call.headers.get("x-amz-request-payer") for call in proxy.calls} == {"requester"}
    (begin,) = proxy.seen("PutObject" if size == 1000 else "CreateMultipartUpload")
    assert begin.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert begin.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/audio"
    assert begin.headers["x-amz-acl"] == "bucket-owner-full-control"
    assert begin.headers["x-amz-storage-class"] == "STANDARD_IA"


async def test_without_settings_no_call_asks_for_anything(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async with store_at(aws_session, proxy.url) as store:
        await upload(store, artifact_of(tmp_path / "file", 1000), ObjectLocation(bucket, "target"))

    names = ("x-amz-request-payer", "x-amz-server-side-encryption", "x-amz-acl", "x-amz-storage-class")
    assert not [name for call in proxy.calls for name in names if name in call.headers]


# --- redirections ----------------------------------------------------------------------------------------------------


def signature(call: Call) -> str:
    return call.headers["authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize("size", [1000, 17 * MIB])
async def test_a_redirection_is_followed_with_a_signature_for_the_new_host(
    size: int, aws_endpoint: str, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    target = ObjectLocation(bucket, "a target.wav")
    with FaultProxy(aws_endpoint).running() as new, FaultProxy(aws_endpoint).running() as old:
        old.answer(
            lambda _: True,
            lambda call: web.Response(
                status=307, headers={"Location": new.url + call.path, "x-amz-bucket-region": "ap-south-2"}
            ),
        )
        async with store_at(aws_session, old.url) as store:
            await upload(store, artifact_of(tmp_path / "file", size), target)
            await store.download(
                target, tmp_path / "source", limit_bytes=size, on_start=lambda _: None, on_bytes=lambda _: None
            )

    assert (tmp_path / "source").read_bytes() == bytes(size)
    assert len(old.calls) == len(new.calls)
    for before, after in zip(old.calls, new.calls, strict=True):
        assert after.headers["host"] == new.url.removeprefix("http://")
        assert "SignedHeaders=" in after.headers["authorization"]
        assert "host;" in after.headers["authorization"]
        assert "/ap-south-2/s3/" in after.headers["authorization"]
        assert signature(before) != signature(after)


@pytest.mark.parametrize("location", ["to itself", "from TLS to none", "nowhere"])
async def test_a_redirection_that_leads_nowhere_ends(
    location: str, aws_endpoint: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    certificate = Certificate(tmp_path)
    tls = certificate.server() if location == "from TLS to none" else None
    with FaultProxy(aws_endpoint).running(tls) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(certificate.file))
        url = {"to itself": proxy.url, "from TLS to none": aws_endpoint, "nowhere": None}[location]
        headers = {} if url is None else {"Location": f"{url}/elsewhere"}
        proxy.answer(lambda _: True, lambda _: web.Response(status=307, headers=headers))

        async with store_at(aws_session, proxy.url) as store:
            with pytest.raises(DependencyUnavailableError, match="answered 307"):
                await upload(store, artifact_of(tmp_path / "file", 1000), ANYWHERE)

    assert len(proxy.calls) == (4 if location == "to itself" else 1)


# --- endpoints that are not quite S3 ---------------------------------------------------------------------------------


async def test_an_endpoint_that_refuses_a_body_without_reading_it_is_understood(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=403, headers={"Connection": "close"})

    async with scripted_http(refuse) as url, store_at(aws_session, url) as store:
        with pytest.raises(AccessDeniedError):
            await upload(store, artifact_of(tmp_path / "file", 15 * MIB), ANYWHERE)


async def test_an_endpoint_is_looked_for_once_a_bucket_and_not_for_each_object(
    bucket: str, s3_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = s3_client._ruleset_resolver._provider.ruleset
    evaluate, looked_for = rules.evaluate, list[Any]()

    def evaluate_and_count(parameters: Any) -> Any:
        looked_for.append(parameters)
        return evaluate(parameters)

    monkeypatch.setattr(rules, "evaluate", evaluate_and_count)

    for number in range(5):
        await s3_client.put_object(Bucket=bucket, Key=f"key {number}", Body=b"")
        await s3_client.list_objects_v2(Bucket=bucket, Prefix=f"key {number}")

    assert len(looked_for) <= 2  # one for each action
