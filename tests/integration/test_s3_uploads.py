"""Uploads that fail leave nothing behind, and one whose answer was lost counts where the object is there."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import s3_error
from tests.support.certificate import Certificate
from tests.support.events import logged_events
from tests.support.s3 import ANYWHERE, MIB, a_multipart_upload, artifact_of, store_at, upload
from tests.support.scripted_http import scripted_http
from tests.support.switchable_proxy import SwitchableProxy
from tests.support.waiting import wait_until
from worker.adapters.s3.ahead import UploadAhead
from worker.adapters.s3.digest import digest_of
from worker.adapters.s3.multipart import MultipartUpload, Part
from worker.adapters.s3.store import S3Store
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import ObjectLocation
from worker.events import Event
from worker.ports import Artifact


async def unfinished(client: Any, bucket: str) -> list[Any]:
    answer = await client.list_multipart_uploads(Bucket=bucket)
    return list(answer.get("Uploads", []))


async def until_aborted(client: Any, bucket: str) -> None:
    """Wait until no upload is left: nobody waits long for an abort."""
    for _ in range(1000):
        if not await unfinished(client, bucket):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("an upload was not aborted")


@pytest.mark.parametrize("parts_before", [0, 1])
async def test_a_cancelled_upload_leaves_nothing_behind(
    parts_before: int, bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    store = S3Store(s3_client, part_bytes=5 * MIB)
    reached = asyncio.Event()
    task = asyncio.create_task(
        store.upload(
            artifact_of(tmp_path / "file", 40 * MIB),
            ObjectLocation(bucket, "target"),
            content_type="audio/wav",
            on_bytes=lambda _: reached.set(),
        )
    )
    if parts_before:
        await reached.wait()
    else:
        await asyncio.sleep(0)  # the first call is on its way
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until_aborted(s3_client, bucket)
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
            job_id=job_id,
            on_bytes=lambda _: reached.set(),
        )

    first = asyncio.create_task(upload("job-1"))
    await reached.wait()
    await upload("job-2")
    await first

    await until_aborted(s3_client, bucket)


async def test_an_upload_that_fails_midway_is_aborted_and_says_why(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    aborted = asyncio.Event()

    handler = a_multipart_upload(on_abort=aborted.set, part_2=lambda: s3_error(503, "SlowDown"))

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        with pytest.raises(DependencyUnavailableError, match="answered SlowDown"):
            await upload(store, artifact_of(tmp_path / "file", 17 * MIB), ANYWHERE)

    assert aborted.is_set()


async def test_an_abort_that_has_no_answer_when_the_worker_ends_is_logged(
    aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    never = asyncio.Event()
    uploading = a_multipart_upload(on_abort=lambda: None, part_2=lambda: s3_error(503, "SlowDown"))

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            await never.wait()
        return await uploading(request)

    with logged_events() as logged:
        async with scripted_http(handler) as url, store_at(aws_session, url) as store:
            before = asyncio.all_tasks()
            with pytest.raises(DependencyUnavailableError, match="answered SlowDown"):
                await upload(store, artifact_of(tmp_path / "file", 17 * MIB), ANYWHERE)
            (abort,) = (task for task in asyncio.all_tasks() - before if "abort" in repr(task.get_coro()))

            abort.cancel()  # as the end of the event loop does
            with pytest.raises(asyncio.CancelledError):
                await abort

    line = logged.one(Event.UPLOAD_ABORT_FAILED)
    assert (line["target"], line["error"]) == (str(ANYWHERE), "the worker ended before S3 answered")


@pytest.mark.parametrize("stands_there", ["ours", "another", None])
async def test_a_completion_whose_answer_was_lost_counts_if_our_object_stands_there(
    stands_there: str | None, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    artifact = artifact_of(tmp_path / "file", 17 * MIB)
    digests = {"ours": digest_of(artifact, 5 * MIB).sha256, "another": "0" * 64}
    head = None if stands_there is None else {"x-amz-meta-sha256": digests[stands_there]}
    handler = a_multipart_upload(on_abort=lambda: None, head=head)

    async with scripted_http(handler) as url, store_at(aws_session, url) as store:
        work = upload(store, artifact, ANYWHERE)
        if stands_there == "ours":
            await work
        else:
            with pytest.raises(DependencyUnavailableError, match="NoSuchUpload"):
                await work


@pytest.mark.parametrize("is_ours", [True, False])
async def test_an_upload_ahead_takes_no_object_of_another_attempt_for_its_own(
    is_ours: bool, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    """Such an upload begins before its SHA-256 is known, so the object's metadata names the job alone."""
    artifact = artifact_of(tmp_path / "file", 17 * MIB)
    digest = digest_of(artifact, 5 * MIB)
    head = {"x-amz-meta-job-id": "job-1", "x-amz-checksum-crc32": digest.crc32 if is_ours else "AAAAAA=="}
    handler = a_multipart_upload(on_abort=lambda: None, head=head)

    async with (
        scripted_http(handler) as url,
        store_at(aws_session, url) as store,
        store.upload_ahead(artifact.path, ANYWHERE, content_type="audio/wav", job_id="job-1") as ahead,
    ):
        assert isinstance(ahead, UploadAhead)
        await wait_until(lambda: ahead.sent_bytes > 0, timeout=20)
        work = ahead.finish(artifact, on_bytes=lambda _: None)
        if is_ours:
            assert await work == digest.sha256
        else:
            with pytest.raises(DependencyUnavailableError, match="NoSuchUpload"):
                await work


@pytest.mark.parametrize("size", [1000, MIB, 17 * MIB + 3])
async def test_an_upload_arrives_whole_through_tls(
    size: int, aws_endpoint: str, bucket: str, s3_client: Any, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    """As at AWS: through TLS the SDK sends bodies in chunks of its own, with their checksum behind them."""
    path = tmp_path / "output"
    content = random.Random(size).randbytes(size)
    path.write_bytes(content)
    certificate = Certificate(tmp_path)
    proxy = SwitchableProxy(int(aws_endpoint.rpartition(":")[2]))
    await proxy.start(certificate.server())
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_CA_BUNDLE", str(certificate.file))
            async with store_at(aws_session, f"https://127.0.0.1:{proxy.port}") as store:
                await upload(store, Artifact(path, 1.0, 0, size), ObjectLocation(bucket, "target"))
    finally:
        await proxy.stop()

    answer = await s3_client.get_object(Bucket=bucket, Key="target")
    async with answer["Body"] as body:
        assert await body.read() == content


async def test_a_part_that_fails_while_the_file_is_written_is_no_error_and_all_is_sent_anew(
    bucket: str, s3_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = random.Random(1).randbytes(27 * MIB)
    path, target = tmp_path / "out.wav", ObjectLocation(bucket, "target")
    send_part, numbers = MultipartUpload.send_part, list[int]()

    async def failing_once(upload: MultipartUpload, artifact: Artifact, part: Part) -> None:
        numbers.append(part.number)
        if len(numbers) == 2:
            raise DependencyUnavailableError("S3", "does not answer")
        await send_part(upload, artifact, part)

    monkeypatch.setattr(MultipartUpload, "send_part", failing_once)

    async with S3Store(s3_client).upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        path.write_bytes(content)
        await wait_until(lambda: len(numbers) == 2, timeout=20)
        await ahead.finish(Artifact(path, 1.0, 0, len(content)), on_bytes=lambda _: None)

        await until_aborted(s3_client, bucket)
    found = await s3_client.get_object(Bucket=bucket, Key="target")
    assert await found["Body"].read() == content
    assert "sha256" in found["Metadata"]
    assert sorted(numbers[2:]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("at", ["begin", "part", "end"])
async def test_a_file_that_is_given_up_while_it_is_written_leaves_no_parts(
    at: str, bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    path, target = tmp_path / "out.wav", ObjectLocation(bucket, "target")
    is_ready = asyncio.Event()

    async def convert() -> None:
        async with S3Store(s3_client).upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
            artifact = artifact_of(path, 60 * MIB)
            if at == "begin":
                await wait_until(lambda: ahead.is_begun)
            else:
                await wait_until(lambda: ahead.sent_bytes)
            is_ready.set()
            if at == "end":
                await ahead.finish(artifact, on_bytes=lambda _: None)
            await asyncio.Event().wait()

    task = asyncio.create_task(convert())
    await is_ready.wait()
    if at == "end":
        await asyncio.sleep(0)  # the rest is on its way
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until_aborted(s3_client, bucket)
    assert "Contents" not in await s3_client.list_objects_v2(Bucket=bucket)


async def test_a_file_that_is_sent_while_it_is_written_has_a_checksum_of_its_whole(
    bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    path, target = tmp_path / "out.wav", ObjectLocation(bucket, "target")

    async with S3Store(s3_client).upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        artifact = artifact_of(path, 27 * MIB)
        await wait_until(lambda: ahead.sent_bytes)
        await ahead.finish(artifact, on_bytes=lambda _: None)

    found = await s3_client.head_object(Bucket=bucket, Key="target", ChecksumMode="ENABLED")
    assert found["ChecksumCRC32"].partition("-")[0] == digest_of(artifact, 5 * MIB).crc32
    assert found["Metadata"] == {"job-id": "job-1"}
