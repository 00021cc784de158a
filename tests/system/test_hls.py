"""Streams through the whole worker: what players find, and what stays of one that was cancelled, killed or refused."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.hls import HlsStream, play
from tests.support.leftovers import leftovers
from tests.support.sounds import listen, run_ffmpeg
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]
SECONDS = 20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hls") / "source.wav"
    run_ffmpeg("-f", "lavfi", "-i", f"anoisesrc=duration={SECONDS}:sample_rate=44100:amplitude=0.1", str(path))
    return path


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    with GatewayProcess(shared) as process:
        yield process


def stream_at(stack: Stack, prefix: str, **options: object) -> dict[str, Any]:
    return {"target": stack.target(prefix), "format": "hls", "bitrates_kbps": [64, 128], **options}


def keys_in(stack: Stack) -> list[str]:
    found = stack.aws["s3"].list_objects_v2(Bucket=stack.targets)
    return [item["Key"] for item in found.get("Contents", ())]


def played(stack: Stack, prefix: str) -> list[HlsStream]:
    """As a player does it that has nothing but the URL of the master playlist."""
    return play(f"https://cdn/{prefix}master.m3u8", lambda uri: stack.output(unquote(urlsplit(uri).path)[1:]))


def check(stack: Stack, prefix: str, directory: Path) -> None:
    """All of the sound is there, at each bitrate, and nothing besides lies beneath the prefix."""
    streams = played(stack, prefix)
    for number, stream in enumerate(streams):
        file = directory / f"{number}.mp4"
        file.write_bytes(stream.sound)
        assert stream.playlist.seconds == pytest.approx(SECONDS, abs=1e-3)
        assert listen(file).seconds == pytest.approx(SECONDS, abs=0.03)
    named = 1 + sum(2 + len(stream.segments) for stream in streams)
    wait_for(lambda: len([key for key in keys_in(stack) if key.startswith(prefix)]) == named or None, "the clean-up")


def test_a_stream_is_published_beside_a_file_of_the_same_decode(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], source: Path, tmp_path: Path
) -> None:
    job_id, workspace = unique("job"), tmp_path / "workspace"
    process = start_worker(stack, WORKER_WORKSPACE=str(workspace))
    outputs = [stream_at(stack, "ü 1/", segment_seconds=4), {"target": stack.target("a.mp3"), "format": "mp3"}]

    stack.send_job(job_id, stack.put_source("a.wav", source), *outputs)
    record = stack.final_record(job_id)

    assert record["status"] == "completed", record
    check(stack, "ü 1/", tmp_path)
    stream, file = record["outputs"]
    objects = {key: stack.output(key) for key in keys_in(stack) if key != "a.mp3"}
    assert stream["target"] == stack.target("ü 1/")
    assert stream["playlist"] == stack.target("ü 1/master.m3u8")
    assert "playlist" not in file
    assert stream["bytes"] == sum(map(len, objects.values()))
    assert stream["sha256"] == hashlib.sha256(objects["ü 1/master.m3u8"]).hexdigest()
    assert stream["duration_seconds"] == file["duration_seconds"] == SECONDS
    assert process.wait_for("job.completed", job_id=job_id)["output_bytes"] == stream["bytes"] + file["bytes"]
    process.signal(signal.SIGTERM)
    assert process.wait() == 0, process.transcript()
    assert list(leftovers(stack, workspace)) == []


def test_of_a_stream_that_is_cancelled_half_way_nothing_is_seen_and_nothing_stays(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], source: Path
) -> None:
    job_id = unique("job")
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(lambda call: call.action == "PutObject" and call.key.endswith("128k/00001.m4s"))
        process = start_worker(replace(stack, endpoint=proxy.url))
        stack.send_job(job_id, stack.put_source("a.wav", source), stream_at(stack, "ep/"))
        process.wait_for("job.started", job_id=job_id)
        proxy.wait_held(60)
        wait_for(lambda: len(keys_in(stack)) > 4 or None, "some of the segments")
        assert "ep/master.m3u8" not in keys_in(stack)

        assert worker(stack, "cancel", job_id).returncode == 0

        process.wait_for("job.cancelled", job_id=job_id)
        assert stack.final_record(job_id)["status"] == "cancelled"
        assert keys_in(stack) == []


def test_a_stream_of_a_killed_worker_is_made_again_without_what_that_one_left(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], source: Path, tmp_path: Path
) -> None:
    job_id, leases = unique("job"), {"WORKER_VISIBILITY_TIMEOUT_SECONDS": "10"}
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.hold(lambda call: call.action == "PutObject" and call.key.endswith("master.m3u8"))
        first = start_worker(replace(stack, endpoint=proxy.url), **leases)
        stack.send_job(job_id, stack.put_source("a.wav", source), stream_at(stack, "ep/", segment_seconds=2))
        first.wait_for("job.started", job_id=job_id)
        proxy.wait_held(60)
        first.signal(signal.SIGKILL)
        first.wait()
        left = keys_in(stack)
    assert len(left) == 2 * (2 + 10)
    extra = f"{left[0].rpartition('/')[0]}/00099.m4s"
    stack.aws["s3"].put_object(Bucket=stack.targets, Key=extra, Body=b"of a source that was longer")

    start_worker(stack, **leases)
    record = stack.final_record(job_id)

    assert (record["status"], record["attempt"]) == ("completed", 2)
    check(stack, "ep/", tmp_path)


def test_of_a_stream_that_is_refused_half_way_nothing_stays_and_the_next_run_completes(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], source: Path, tmp_path: Path
) -> None:
    job_id = unique("job")
    with FaultProxy(stack.endpoint).running() as proxy:
        is_last = lambda call: call.action == "PutObject" and call.key.endswith("128k/playlist.m3u8")  # noqa: E731
        proxy.refuse(is_last, 400, "InvalidRequest", times=1)
        process = start_worker(replace(stack, endpoint=proxy.url))
        stack.send_job(job_id, stack.put_source("a.wav", source), stream_at(stack, "ep/"))
        assert stack.final_record(job_id)["status"] == "failed"
        process.wait_for("job.failed", job_id=job_id)
        wait_for(lambda: stack.messages_in(stack.dead_letter_url) == 1 or None, "the dead letter")
        assert keys_in(stack) == []

        assert worker(stack, "retry", job_id).returncode == 0
        process.wait_for("job.completed", job_id=job_id)

    check(stack, "ep/", tmp_path)


def test_the_outputs_of_a_job_may_not_have_more_bytes_than_all_bitrates_together_need(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], source: Path
) -> None:
    job_id = unique("job")
    start_worker(stack, WORKER_MAX_OUTPUT_BYTES="600 KB")
    url = stack.put_source("a.wav", source)

    stack.send_job(job_id, url, stream_at(stack, "one/", bitrates_kbps=[128]))
    stack.send_job(f"{job_id}-2", url, stream_at(stack, "two/", bitrates_kbps=[128, 192]))

    assert stack.final_record(job_id)["status"] == "completed"
    failed = stack.final_record(f"{job_id}-2")
    assert failed["error"]["code"] == "source_too_large", failed
    assert not [key for key in keys_in(stack) if key.startswith("two/")]


async def test_the_download_of_a_stream_is_its_master_playlist_and_that_of_a_file_the_file_whatever_its_name(
    client: GatewayClient, shared: Stack, start_worker: StartWorker, source: Path
) -> None:
    start_worker(shared)
    message = {
        "job_id": "streamed",
        "source": shared.put_source("a.wav", source),
        "outputs": [stream_at(shared, "s/"), {"target": shared.target("file/"), "format": "wav"}],
    }
    await client.post("/jobs", message)
    shared.final_record("streamed")

    found = await client.get("/jobs/streamed/outputs/0")
    async with client.session.get(found.headers["location"]) as download:
        body = await download.read()
        content_type = download.headers["content-type"]

    assert found.status == 307
    assert body == shared.output("s/master.m3u8")
    assert content_type == "application/vnd.apple.mpegurl"
    file = await client.get("/jobs/streamed/outputs/1")
    async with client.session.get(file.headers["location"]) as download:
        assert await download.read() == shared.output("file/")
