"""A worker that stands still right before a stream becomes visible, while another makes the same stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.objects import MemoryObjects
from tests.support.records import a_record
from tests.support.streams import MASTER, STREAM, a_body
from tests.support.virtual_time import virtual_time
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.uploads import Uploads
from worker.application.messages.message import parse_job
from worker.application.progress.job_progress import JobProgress
from worker.domain.errors import DependencyUnavailableError, LeaseLostError, TargetRefusedError
from worker.domain.hls import Rendition, Segment
from worker.domain.meter import Speeds
from worker.domain.progress import Record
from worker.ports import Artifact, Stream

JOB = parse_job(a_body())
FIRST, SECOND = (a_record(fence, 1, job_id=JOB.job_id) for fence in (7, 8))


async def is_ours() -> None:
    """The claim is confirmed."""


async def is_lost() -> None:
    raise LeaseLostError("another worker has it")


async def send(
    objects: MemoryObjects, file: Path, claimed: Record, still_ours: Callable[[], Awaitable[None]] = is_ours
) -> None:
    file.write_bytes(b"abcd")
    streams = tuple(Stream(file, Rendition(kbps, [Segment(1, 4, 3.0)])) for kbps in (64, 128))
    artifact = Artifact(file, 3.0, 0, 0, streams=streams)
    uploads = Uploads(objects, random=lambda: 0.5)
    await uploads.send(JOB, claimed, [artifact], [None], JobProgress(Speeds()), still_ours)


async def stands_still(objects: MemoryObjects, sending: Awaitable[None]) -> tuple[asyncio.Event, asyncio.Task[None]]:
    """A worker that has confirmed its claim, and goes on once the event is set."""
    objects.half_done[MASTER].clear()
    objects.may_finish[MASTER] = goes_on = asyncio.Event()
    late = asyncio.ensure_future(sending)
    await objects.half_done[MASTER].wait()
    del objects.may_finish[MASTER]
    return goes_on, late


def shown(objects: MemoryObjects) -> bytes:
    found = objects.get(MASTER)
    assert found is not None
    return found.data


@pytest.mark.parametrize("is_there", [False, True], ids=["where nothing was", "where a stream was"])
@virtual_time
async def test_a_worker_that_stood_still_does_not_show_a_directory_that_was_deleted_since(
    is_there: bool, tmp_path: Path
) -> None:
    objects = MemoryObjects(STREAM.bucket)
    if is_there:
        await send(objects, tmp_path / "before", a_record(6, 1, job_id="ep-0"))
    confirmed = iter([is_ours])

    async def still_ours() -> None:
        await next(confirmed, is_lost)()

    goes_on, late = await stands_still(objects, send(objects, tmp_path / "first", FIRST, still_ours))
    await send(objects, tmp_path / "second", SECOND)
    await PublishedOutputs(objects).drop_hidden(JOB, SECOND.version)
    second = shown(objects)

    goes_on.set()

    with pytest.raises(LeaseLostError):
        await late
    assert shown(objects) == second


@virtual_time
async def test_a_stream_takes_the_place_of_what_came_there_after_it_had_looked(tmp_path: Path) -> None:
    objects = MemoryObjects(STREAM.bucket)
    goes_on, late = await stands_still(objects, send(objects, tmp_path / "first", FIRST))
    objects.put(MASTER, b"of somebody else")

    goes_on.set()
    await late

    assert b"/7-1/" in shown(objects)


@virtual_time
async def test_a_target_that_others_change_all_the_time_is_refused(tmp_path: Path) -> None:
    objects = MemoryObjects(STREAM.bucket)
    changes = 0

    async def still_ours() -> None:
        nonlocal changes
        changes += 1
        objects.put(MASTER, f"change {changes}".encode())

    with pytest.raises(TargetRefusedError, match=r"master\.m3u8: others change it"):
        await send(objects, tmp_path / "first", FIRST, still_ours)

    assert 1 < changes < 20


@virtual_time
async def test_a_stream_is_not_sent_again_for_an_answer_that_is_missing_before_it_is_shown(tmp_path: Path) -> None:
    objects = MemoryObjects(STREAM.bucket)
    objects.errors[MASTER] = [DependencyUnavailableError("S3", "answered 503")] * 2

    await send(objects, tmp_path / "first", FIRST)

    assert b"/7-1/" in shown(objects)
    assert objects.errors[MASTER] == []
