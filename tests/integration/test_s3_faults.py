"""S3 when it breaks off, refuses, or is left in the middle."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aioboto3
import boto3  # type: ignore[import-untyped]
import pytest
from aiohttp import web

from tests.support.aws_calls import calls_of, s3_error
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import ANYWHERE, MIB, a_multipart_upload, artifact_of, download, store_at, upload
from tests.support.scripted_http import scripted_http
from tests.support.waiting import wait_until
from worker.adapters.s3.store import S3Store
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    JobError,
    SourceChangedError,
    SourceNotFoundError,
    TargetRefusedError,
    WorkspaceFullError,
)
from worker.domain.job import ObjectLocation

PATTERN = bytes(range(256)) * 4096  # 1 MiB
_TRIES = 2  # of a call that fails


@pytest.fixture
def proxy(aws_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        yield proxy


# --- bodies that break off -----------------------------------------------------------------------------------------


async def test_a_body_that_breaks_off_is_resumed_where_it_stopped(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    data = PATTERN * 3
    await s3_client.put_object(Bucket=bucket, Key="source", Body=data)
    for after_bytes in (MIB, 600, MIB - 1):
        proxy.cut_answers(calls_of("GetObject"), after_bytes=after_bytes)

    async with store_at(aws_session, proxy.url) as store:
        found = await download(store, ObjectLocation(bucket, "source"), tmp_path / "source")

    assert found.size_bytes == len(data)
    assert (tmp_path / "source").read_bytes() == data
    assert len(proxy.seen("GetObject")) == 4


async def test_a_body_that_breaks_off_again_and_again_is_given_up(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN)
    proxy.cut_answers(calls_of("GetObject"), after_bytes=2000, times=None)

    async with store_at(aws_session, proxy.url) as store:
        with pytest.raises(DependencyUnavailableError, match="S3 broke off the download too often"):
            await download(store, ObjectLocation(bucket, "source"), tmp_path / "source")

    assert len(proxy.seen("GetObject")) == 6


async def test_a_source_that_is_replaced_while_it_is_read_is_not_mixed(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN)
    source = ObjectLocation(bucket, "source")
    proxy.cut_answers(calls_of("GetObject"), after_bytes=1000)

    blocking = boto3.client("s3")

    def replace(_: int) -> None:
        blocking.put_object(Bucket=bucket, Key="source", Body=PATTERN[::-1])

    async with store_at(aws_session, proxy.url) as store:
        with closing(blocking), pytest.raises(SourceChangedError):
            await store.download(
                source, tmp_path / "source", limit_bytes=2 * MIB, on_start=replace, on_bytes=lambda _: None
            )


# --- answers that no emulator gives --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", SourceNotFoundError),
        (404, "NoSuchBucket", SourceNotFoundError),
        (400, "InvalidBucketName", SourceNotFoundError),
        (403, "AccessDenied", AccessDeniedError),
        (403, "AllAccessDisabled", AccessDeniedError),
        (403, "InvalidObjectState", AccessDeniedError),
        (400, "ExpiredToken", DependencyUnavailableError),
        (403, "SignatureDoesNotMatch", DependencyUnavailableError),
        (503, "SlowDown", DependencyUnavailableError),
        (500, "InternalError", DependencyUnavailableError),
    ],
)
async def test_what_s3_answers_for_a_source_has_a_code_of_ours(
    status: int, code: str, expected: type[JobError], aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return s3_error(status, code)

    async with scripted_http(refuse) as url, store_at(aws_session, url) as store:
        with pytest.raises(expected) as raised:
            await download(store, ANYWHERE, tmp_path / "source")

    assert "X-Amz" not in str(raised.value)


@pytest.mark.parametrize("size", [1, 17 * MIB], ids=["one call", "in parts"])
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchBucket", TargetRefusedError),
        (403, "AccessDenied", AccessDeniedError),
        (400, "InvalidRequest", TargetRefusedError),
        (503, "SlowDown", DependencyUnavailableError),
    ],
)
async def test_what_s3_answers_for_a_target_has_a_code_of_ours(
    status: int, code: str, expected: type[JobError], size: int, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return s3_error(status, code)

    async with scripted_http(refuse) as url, store_at(aws_session, url) as store:
        with pytest.raises(expected):
            await upload(store, artifact_of(tmp_path / "file", size), ANYWHERE)


@pytest.mark.parametrize(("status", "expected"), [(404, TargetRefusedError), (500, DependencyUnavailableError)])
async def test_a_target_check_says_what_a_bare_status_means(
    status: int, expected: type[JobError], aws_session: aioboto3.Session
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with scripted_http(refuse) as url, store_at(aws_session, url) as store:
        with pytest.raises(expected):
            await store.check_target(ANYWHERE)


async def test_a_target_check_asks_once_and_is_silent_where_it_may_not_ask(aws_session: aioboto3.Session) -> None:
    asked: list[str] = []

    async def forbid(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=403)

    async with scripted_http(forbid) as url, store_at(aws_session, url) as store:
        await store.check_target(ANYWHERE)
        await store.check_target(ANYWHERE)

    assert len(asked) == 1


async def test_a_silent_endpoint_is_a_dependency_that_failed(aws_session: aioboto3.Session, tmp_path: Path) -> None:
    async with store_at(aws_session, "http://127.0.0.1:1") as store:
        with pytest.raises(DependencyUnavailableError, match="S3 did not answer"):
            await download(store, ANYWHERE, tmp_path / "source")


@pytest.mark.parametrize("size", [1, 17 * MIB], ids=["one call", "in parts"])
async def test_an_endpoint_that_never_takes_the_body_does_not_hold_the_job(
    size: int, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def never(request: web.Request) -> web.Response:
        if request.method in {"POST", "DELETE"}:  # the upload begins, and is aborted
            return await a_multipart_upload(on_abort=lambda: None)(request)  # type: ignore[return-value]
        return await asyncio.Future()

    async with scripted_http(never) as url, store_at(aws_session, url, body_seconds=0.5) as store:
        with pytest.raises(DependencyUnavailableError, match="did not answer"):
            await upload(store, artifact_of(tmp_path / "file", size), ANYWHERE)


@pytest.mark.parametrize("size", [1, 300_000, 17 * MIB], ids=["in memory", "from the disk", "in parts"])
async def test_an_endpoint_that_never_says_100_continue_gets_the_body(
    size: int, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    async def never(_: web.Request) -> None:
        await asyncio.Event().wait()

    async def accept(request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and "uploads" not in request.query:
            await request.read()
            return web.Response(text="<CompleteMultipartUploadResult/>", content_type="application/xml")
        if "partNumber" not in request.query and request.method == "PUT":
            await request.read()
            return web.Response(headers={"ETag": '"x"'})
        return await a_multipart_upload(on_abort=lambda: None)(request)

    async with scripted_http(accept, on_expect=never) as url, store_at(aws_session, url) as store:
        await upload(store, artifact_of(tmp_path / "file", size), ANYWHERE)


# --- uploads that are left in the middle ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["CreateMultipartUpload", "UploadPart"])
async def test_what_killed_workers_left_is_dropped_and_no_upload_of_the_same_store_whatever_that_waits_for(
    action: str, proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    target = ObjectLocation(bucket, "target")
    left = await s3_client.create_multipart_upload(Bucket=bucket, Key="target")
    proxy.hold(calls_of(action), after=True)

    async with store_at(aws_session, proxy.url) as store:
        uploading = asyncio.create_task(upload(store, artifact_of(tmp_path / "file", 17 * MIB), target))
        await asyncio.to_thread(proxy.wait_held)
        dropping = asyncio.create_task(store.drop_unfinished(target))
        await wait_until(lambda: bool(proxy.seen("ListMultipartUploads")))
        proxy.release()
        await dropping
        await uploading

    assert [call.query["uploadId"] for call in proxy.seen("AbortMultipartUpload")] == [left["UploadId"]]
    assert (await s3_client.head_object(Bucket=bucket, Key="target"))["ContentLength"] == 17 * MIB


@pytest.mark.parametrize(
    ("lost", "begins_early"),
    [(1, False), (1, True), (_TRIES, True)],
    ids=["sent at the end", "sent early", "sent early, and anew"],
)
async def test_an_upload_whose_beginning_was_not_answered_leaves_no_other_one_behind(
    lost: int,
    begins_early: bool,
    proxy: FaultProxy,
    bucket: str,
    s3_client: Any,
    aws_session: aioboto3.Session,
    tmp_path: Path,
) -> None:
    target, artifact = ObjectLocation(bucket, "target"), artifact_of(tmp_path / "file", 17 * MIB)
    proxy.cut_answers(calls_of("CreateMultipartUpload"), times=lost)

    async with store_at(aws_session, proxy.url, attempts=_TRIES) as store:
        if begins_early:
            async with store.upload_ahead(artifact.path, target, content_type="audio/wav", job_id="job-1") as ahead:
                await wait_until(lambda: len(proxy.seen("CreateMultipartUpload")) == _TRIES)
                await ahead.finish(artifact, on_bytes=lambda _: None)
        else:
            await upload(store, artifact, target)

    assert len(proxy.seen("CreateMultipartUpload")) == lost + 1
    assert (await s3_client.head_object(Bucket=bucket, Key="target"))["ContentLength"] == 17 * MIB
    assert "Uploads" not in await s3_client.list_multipart_uploads(Bucket=bucket)


async def test_an_upload_that_fails_because_its_beginning_was_not_answered_leaves_none_behind(
    proxy: FaultProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    proxy.cut_answers(calls_of("CreateMultipartUpload"), times=_TRIES)

    async with store_at(aws_session, proxy.url, attempts=_TRIES) as store:
        with pytest.raises(DependencyUnavailableError):
            await upload(store, artifact_of(tmp_path / "file", 17 * MIB), ObjectLocation(bucket, "target"))

    assert "Uploads" not in await s3_client.list_multipart_uploads(Bucket=bucket)


# --- a disk without room -------------------------------------------------------------------------------------------


async def test_a_disk_that_fills_up_meanwhile_has_a_code(bucket: str, s3_client: Any, tmp_path: Path) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN * 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with pytest.raises(WorkspaceFullError):
            await download(S3Store(s3_client), ObjectLocation(bucket, "source"), tmp_path / "source")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
