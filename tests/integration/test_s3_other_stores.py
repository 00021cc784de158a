"""Stores and gateways that are not quite S3, and access points."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiohttp import web

from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import ANYWHERE, MIB, artifact_of, download, store_at, upload
from tests.support.scripted_http import Handler, scripted_http
from worker.adapters.s3.inspection import try_writing
from worker.adapters.s3.options import S3Options
from worker.adapters.s3.part_uploads import PartUploads
from worker.adapters.s3.store import S3Store
from worker.domain.errors import AccessDeniedError, DependencyUnavailableError, SourceTooLargeError
from worker.domain.job import ObjectLocation
from worker.ports import SourceObject

PATTERN = bytes(range(256)) * 4096  # 1 MiB


def a_source(data: bytes, *, has_length: bool, has_etag: bool, sent: int | None = None) -> Handler:
    """Answers with the object, or with its first `sent` bytes and a connection that breaks off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"x"'} if has_etag else {})
        if has_length:
            response.content_length = len(data)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(data[:sent])
        if sent is not None:
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


INCOMPLETE = pytest.mark.parametrize(("has_length", "has_etag"), [(True, False), (False, True), (False, False)])


@INCOMPLETE
async def test_a_source_without_length_or_etag_is_downloaded(
    has_length: bool, has_etag: bool, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    handler = a_source(PATTERN, has_length=has_length, has_etag=has_etag)
    sizes: list[int] = []

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        found = await store.download(
            ANYWHERE, tmp_path / "source", limit_bytes=MIB, on_start=sizes.append, on_bytes=lambda _: None
        )

    assert (tmp_path / "source").read_bytes() == PATTERN
    assert found == SourceObject(MIB, '"x"' if has_etag else None)
    assert sizes == [MIB if has_length else 0]


@INCOMPLETE
async def test_a_source_without_length_or_etag_that_breaks_off_is_not_taken_for_whole(
    has_length: bool, has_etag: bool, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    handler = a_source(PATTERN, has_length=has_length, has_etag=has_etag, sent=5000)

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        with pytest.raises(DependencyUnavailableError, match="broke off the download"):
            await download(store, ANYWHERE, tmp_path / "source")


@pytest.fixture
async def behind_compression(aws_session: aioboto3.Session) -> AsyncIterator[tuple[S3Store, list[web.Request]]]:
    """A store behind a proxy that has made its ETags weak, so that no If-Match holds, and what it was asked."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        if "If-Match" in request.headers:
            return web.Response(status=412)
        if request.method != "GET":
            return web.Response(headers={"ETag": 'W/"x"', "x-amz-meta-job-id": "job"})
        response = web.StreamResponse(headers={"ETag": 'W/"x"'})
        response.content_length = len(PATTERN)
        await response.prepare(request)
        await response.write(PATTERN[:5000])
        assert request.transport is not None
        request.transport.close()
        return response

    async with scripted_http(answer) as url, store_at(aws_session, url) as store:
        yield store, asked


async def test_a_weak_etag_is_none_because_no_condition_holds_for_it(
    behind_compression: tuple[S3Store, list[web.Request]], tmp_path: Path
) -> None:
    store, asked = behind_compression

    with pytest.raises(DependencyUnavailableError, match="broke off the download"):  # and not that it was replaced
        await download(store, ANYWHERE, tmp_path / "source")
    assert await store.current_object(ANYWHERE) is None
    await store.remove(ANYWHERE, "job")

    assert [request.method for request in asked] == ["GET", "HEAD", "HEAD", "DELETE"]
    assert not [request for request in asked if "If-Match" in request.headers]


async def test_a_source_without_length_is_cut_at_the_limit(aws_session: aioboto3.Session, tmp_path: Path) -> None:
    handler = a_source(PATTERN, has_length=False, has_etag=True)

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        with pytest.raises(SourceTooLargeError):
            await store.download(
                ANYWHERE, tmp_path / "source", limit_bytes=1000, on_start=lambda _: None, on_bytes=lambda _: None
            )

    assert (tmp_path / "source").stat().st_size <= 1000


async def test_a_400_to_head_is_no_verdict_because_it_cannot_say_why(
    bucket: str, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    target = ObjectLocation(bucket, "target")
    with FaultProxy(aws_endpoint).running() as proxy:
        proxy.refuse(lambda call: call.method == "HEAD", 400, "ExpiredToken")
        async with store_at(aws_session, proxy.url) as store:
            with pytest.raises(DependencyUnavailableError, match=f"answered 400 without a reason for s3://{bucket}"):
                await store.remove(target, "job")

            await store.check_target(target)  # as without s3:ListBucket: the download and the upload will tell
            assert await store.current_object(target) is None


@pytest.mark.parametrize(
    ("code", "expected"), [("ExpiredToken", DependencyUnavailableError), ("InvalidRequest", AccessDeniedError)]
)
async def test_a_probe_asks_again_by_get_where_head_cannot_say_why_it_is_refused(
    code: str, expected: type[Exception], bucket: str, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    source = ObjectLocation(bucket, "source")
    with FaultProxy(aws_endpoint).running() as proxy:
        proxy.refuse(lambda call: call.method in {"HEAD", "GET"}, 400, code)
        async with store_at(aws_session, proxy.url) as store:
            with pytest.raises(expected, match=f"{code}.*s3://{bucket}/source|s3://{bucket}/source.*{code}"):
                await store.probe(source)


@pytest.mark.parametrize("size", [0, 1, 70_000])
async def test_a_probe_knows_the_size_where_head_alone_is_refused(
    size: int, bucket: str, aws_endpoint: str, aws_session: aioboto3.Session, s3_client: Any
) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=b"x" * size)
    with FaultProxy(aws_endpoint).running() as proxy:
        proxy.refuse(lambda call: call.method == "HEAD", 400, "BadRequest")
        async with store_at(aws_session, proxy.url) as store:
            assert await store.probe(ObjectLocation(bucket, "source")) == size


@pytest.mark.parametrize("status", [304, 400, 403, 418, 500])
async def test_a_page_of_a_gateway_is_judged_by_its_status(
    status: int, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def page(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, text="<html><body>no</body></html>", content_type="text/html")

    expected = AccessDeniedError if status == 403 else DependencyUnavailableError
    async with scripted_http(page) as url, store_at(aws_session, url) as store:
        with pytest.raises(expected, match=f"answered {status}.*s3://bucket/key|s3://bucket/key.*answered {status}"):
            await download(store, ANYWHERE, tmp_path / "source")


async def test_an_upload_whose_answers_lack_their_members_is_no_bug_of_ours(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def page(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="<html/>", content_type="text/html")

    async with scripted_http(page) as url, store_at(aws_session, url) as store:
        for call in (
            upload(store, artifact_of(tmp_path / "file", 17 * MIB), ANYWHERE),
            PartUploads(store._client).begin(ANYWHERE, "audio/wav"),
            try_writing(store._client, ANYWHERE, S3Options()),
        ):
            with pytest.raises(DependencyUnavailableError, match="answered without UploadId for s3://bucket/key"):
                await call


async def test_an_object_whose_length_is_not_told_does_not_count_as_uploaded(aws_session: aioboto3.Session) -> None:
    handler = a_source(b"", has_length=False, has_etag=True)

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        assert not await PartUploads(store._client).is_there(ANYWHERE, 2)


async def test_an_access_point_that_the_sdk_cannot_reach_is_a_permanent_refusal(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    source = ObjectLocation("arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap", "key")  # needs SigV4A

    async with store_at(aws_session, "http://127.0.0.1:1") as store:
        with pytest.raises(AccessDeniedError, match="AWS SDK cannot ask for it"):
            await download(store, source, tmp_path / "source")


@pytest.mark.parametrize(
    "header", ["Last-Modified", "x-amz-missing-meta", "x-amz-mp-parts-count", "x-amz-object-lock-retain-until-date"]
)
async def test_an_answer_with_a_header_that_cannot_be_read_is_no_bug_of_ours(
    header: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=PATTERN, headers={"ETag": '"x"', header: "never"})

    async with scripted_http(answer) as url, store_at(aws_session, url) as store:
        with pytest.raises(DependencyUnavailableError, match=r"did not answer \(ResponseParserError\)"):
            await download(store, ANYWHERE, tmp_path / "source")
        with pytest.raises(DependencyUnavailableError):
            await store.probe(ANYWHERE)
