"""S3 when it breaks off, refuses, or is left in the middle."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aioboto3
import boto3  # type: ignore[import-untyped]
import pytest
from aiohttp import web

from tests.support.cutting_proxy import CuttingProxy
from tests.support.scripted_http import Handler, s3_error, scripted_http
from worker.adapters.aws import ClientLimits, open_client
from worker.adapters.s3 import S3Store
from worker.domain.backoff import Backoff
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
from worker.ports import Artifact, SourceObject

MIB = 1 << 20
LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=1, connections=10)
PATTERN = bytes(range(256)) * 4096  # 1 MiB
ANYWHERE = ObjectLocation("bucket", "key")


async def download(store: S3Store, source: ObjectLocation, path: Path) -> SourceObject:
    return await store.download(source, path, limit_bytes=1 << 60, on_start=lambda _: None, on_bytes=lambda _: None)


def artifact_of(path: Path, size: int) -> Artifact:
    with path.open("wb") as file:
        file.truncate(size)
    return Artifact(path, 1.0, 0, size)


async def upload(store: S3Store, artifact: Artifact, target: ObjectLocation) -> None:
    await store.upload(artifact, target, content_type="audio/wav", sha256="digest", on_bytes=lambda _: None)


@pytest.fixture
async def proxy(aws_endpoint: str) -> AsyncIterator[CuttingProxy]:
    port = urlsplit(aws_endpoint).port
    assert port is not None
    async with CuttingProxy(port).running() as proxy:
        yield proxy


@asynccontextmanager
async def store_at(session: aioboto3.Session, endpoint: str, body_seconds: float = 20) -> AsyncIterator[S3Store]:
    """A store whose client speaks to `endpoint`, and which waits for next to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        async with open_client(session, "s3", LIMITS) as client:
            yield S3Store(
                client, part_bytes=5 * MIB, body_seconds=body_seconds, resume_backoff=Backoff(0.001, 1, 0.001)
            )


# --- bodies that break off -----------------------------------------------------------------------------------------


async def test_a_body_that_breaks_off_is_resumed_where_it_stopped(
    proxy: CuttingProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    data = PATTERN * 3
    await s3_client.put_object(Bucket=bucket, Key="source", Body=data)
    proxy.cuts = [MIB, 600, 2 * MIB]

    async with store_at(aws_session, f"http://127.0.0.1:{proxy.port}") as store:
        found = await download(store, ObjectLocation(bucket, "source"), tmp_path / "source")

    assert found.size_bytes == len(data)
    assert (tmp_path / "source").read_bytes() == data
    assert proxy.connections > 3


async def test_a_body_that_breaks_off_again_and_again_is_given_up(
    proxy: CuttingProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN)
    proxy.cuts = [2000] * 20

    async with store_at(aws_session, f"http://127.0.0.1:{proxy.port}") as store:
        with pytest.raises(DependencyUnavailableError, match="S3 broke off again and again"):
            await download(store, ObjectLocation(bucket, "source"), tmp_path / "source")

    assert proxy.connections == 6


async def test_a_source_that_is_replaced_while_it_is_read_is_not_mixed(
    proxy: CuttingProxy, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN)
    source = ObjectLocation(bucket, "source")
    proxy.cuts = [1000]

    blocking = boto3.client("s3")

    def replace(_: int) -> None:
        blocking.put_object(Bucket=bucket, Key="source", Body=PATTERN[::-1])

    async with store_at(aws_session, f"http://127.0.0.1:{proxy.port}") as store:
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
async def test_a_target_check_tells_what_a_bare_status_means(
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
    async def never(_: web.Request) -> None:
        await asyncio.Event().wait()

    handler = _multipart(on_abort=lambda: None)
    async with scripted_http(handler, on_expect=never) as url, store_at(aws_session, url, body_seconds=0.2) as store:
        with pytest.raises(DependencyUnavailableError, match="did not answer"):
            await upload(store, artifact_of(tmp_path / "file", size), ANYWHERE)


# --- a disk without room -------------------------------------------------------------------------------------------


async def test_a_source_that_does_not_fit_is_not_begun(aws_session: aioboto3.Session, tmp_path: Path) -> None:
    async def announce(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(1 << 59), "ETag": '"x"'})
        await response.prepare(request)
        return response

    async with scripted_http(announce) as url, store_at(aws_session, url) as store:
        with pytest.raises(WorkspaceFullError):
            await download(store, ANYWHERE, tmp_path / "source")

    assert not (tmp_path / "source").exists()


async def test_a_disk_that_fills_up_meanwhile_has_a_code(bucket: str, s3_client: Any, tmp_path: Path) -> None:
    await s3_client.put_object(Bucket=bucket, Key="source", Body=PATTERN * 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with pytest.raises(WorkspaceFullError):
            await download(S3Store(s3_client), ObjectLocation(bucket, "source"), tmp_path / "source")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- uploads that do not succeed -----------------------------------------------------------------------------------


async def unfinished(client: Any, bucket: str) -> list[Any]:
    answer = await client.list_multipart_uploads(Bucket=bucket)
    return list(answer.get("Uploads", []))


@pytest.mark.parametrize("parts_before", [0, 1])
async def test_a_cancelled_upload_leaves_nothing_behind(
    parts_before: int, bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    store = S3Store(s3_client, part_bytes=5 * MIB)
    reached = asyncio.Event()
    done: list[int] = []

    def count(sent: int) -> None:
        done.append(sent)
        reached.set()

    task = asyncio.create_task(
        store.upload(
            artifact_of(tmp_path / "file", 40 * MIB),
            ObjectLocation(bucket, "target"),
            content_type="audio/wav",
            sha256="digest",
            on_bytes=count,
        )
    )
    if parts_before:
        await reached.wait()
    else:
        await asyncio.sleep(0)  # the first call is on its way
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await unfinished(s3_client, bucket) == []
    assert "Contents" not in await s3_client.list_objects_v2(Bucket=bucket)


async def test_what_a_killed_worker_began_at_a_target_can_be_dropped(bucket: str, s3_client: Any) -> None:
    await s3_client.create_multipart_upload(Bucket=bucket, Key="target")
    await s3_client.create_multipart_upload(Bucket=bucket, Key="target of another")

    await S3Store(s3_client).drop_unfinished(ObjectLocation(bucket, "target"))

    assert [upload["Key"] for upload in await unfinished(s3_client, bucket)] == ["target of another"]


async def test_two_jobs_with_one_target_do_not_end_each_others_uploads(
    bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    artifact = artifact_of(tmp_path / "file", 17 * MIB)
    reached = asyncio.Event()

    async def upload(job_id: str) -> None:
        await S3Store(s3_client, part_concurrency=1).upload(
            artifact,
            ObjectLocation(bucket, "target"),
            content_type="audio/wav",
            sha256="digest",
            job_id=job_id,
            on_bytes=lambda _: reached.set(),
        )

    first = asyncio.create_task(upload("job-1"))
    await reached.wait()
    await upload("job-2")
    await first

    assert await unfinished(s3_client, bucket) == []


async def test_an_upload_that_fails_midway_is_aborted_and_tells_why(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    aborted = asyncio.Event()

    handler = _multipart(on_abort=aborted.set, part_2=lambda: s3_error(503, "SlowDown"))

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        with pytest.raises(DependencyUnavailableError, match="answered SlowDown"):
            await upload(store, artifact_of(tmp_path / "file", 17 * MIB), ANYWHERE)

    assert aborted.is_set()


@pytest.mark.parametrize(("digest", "is_ours"), [("digest", True), ("another", False), (None, False)])
async def test_a_completion_whose_answer_was_lost_is_believed_if_our_object_stands_there(
    digest: str | None, is_ours: bool, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    handler = _multipart(on_abort=lambda: None, head={"x-amz-meta-sha256": digest} if digest else None)

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        work = upload(store, artifact_of(tmp_path / "file", 17 * MIB), ANYWHERE)
        if is_ours:
            await work
        else:
            with pytest.raises(DependencyUnavailableError, match="NoSuchUpload"):
                await work


def _multipart(
    *,
    on_abort: Callable[[], None],
    part_2: Callable[[], web.Response] | None = None,
    head: dict[str, str] | None = None,
) -> Handler:
    """S3 as far as one multipart upload needs it, whose completion is never found; without `head` none may look."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "POST" and "uploads" in request.query:
            body = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return web.Response(text=body, content_type="application/xml")
        if request.method == "PUT":
            if request.query["partNumber"] == "2" and part_2 is not None:
                return part_2()
            return web.Response(headers={"ETag": '"part"'})
        if request.method == "DELETE":
            on_abort()
            return web.Response(status=204)
        if request.method == "HEAD":
            return web.Response(headers=head) if head else web.Response(status=403)
        return s3_error(404, "NoSuchUpload")

    return answer
