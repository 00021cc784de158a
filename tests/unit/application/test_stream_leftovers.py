"""What earlier attempts, runs and jobs leave beneath a stream, and what none of them may delete."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.harness import SECOND, a_harness, until_empty
from tests.support.hls import play
from tests.support.streams import MASTER, MASTER_URL, OBJECTS, STREAM, a_body, directories, fetched, held, hidden, keys
from tests.support.virtual_time import virtual_time
from tests.support.worker_with_commands import a_worker_with_commands
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.messages.message import parse_job
from worker.domain.disposition import Ack
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    JobCancelledError,
    TargetRefusedError,
)
from worker.domain.progress import Status
from worker.domain.stream_layout import directories_at


@virtual_time
async def test_a_master_playlist_that_cannot_be_deleted_keeps_its_segments(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        held(harness, SECOND)
        work = harness.work(a_body(with_file=True))
        handling = asyncio.create_task(harness.handler.handle(work))
        await harness.objects.half_done[SECOND].wait()
        harness.objects.errors[MASTER] = [AccessDeniedError(MASTER)]

        work.stop(JobCancelledError())
        await handling

        assert len(keys(harness)) == OBJECTS


@virtual_time
async def test_what_a_killed_worker_has_left_is_gone_when_the_next_attempt_has_ended(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes(a_body())
        for name in ("64k/00000.m4s", "64k/00099.m4s", "32k/init.mp4"):
            harness.objects.put(hidden(name), b"of a source that was longer")
        await asyncio.sleep(120)

        assert await harness.handle(a_body(), receive_count=2) == Ack()

        assert harness.record().attempt == 2
        assert sum(key.startswith(hidden(attempt=2).key) for key in keys(harness)) == OBJECTS - 1
        assert len(keys(harness)) == OBJECTS


@virtual_time
async def test_a_second_job_to_the_same_target_leaves_what_listeners_of_the_first_read(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle(a_body("ep-1"))
        first = fetched(harness, MASTER_URL)

        await harness.handle(a_body("ep-2"))

        assert fetched(harness, MASTER_URL) != first
        assert len(keys(harness)) == 2 * OBJECTS - 1


@virtual_time
async def test_the_next_run_leaves_nothing_of_the_one_before_beneath_the_stream(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        harness = system.harness
        harness.objects.errors[SECOND] = [TargetRefusedError(SECOND, "the object is locked")]
        system.queue.send(a_body(with_file=True))
        await until_empty(system.queue)
        assert harness.record().status is Status.FAILED
        (first,) = directories(harness)

        system.queue.send_back(system.queue.dead_letters[-1])
        await until_empty(system.queue)

        assert (harness.record().status, harness.record().run) == (Status.COMPLETED, 2)
        (second,) = directories(harness)
        assert second > first
        assert len(keys(harness)) == OBJECTS + 1
        assert len(play(MASTER_URL, lambda uri: fetched(harness, uri))) == 2


@virtual_time
async def test_of_a_later_run_that_fails_nothing_stays_and_what_an_earlier_one_published_does(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        harness = system.harness
        harness.objects.errors[SECOND] = [TargetRefusedError(SECOND, "the object is locked")]
        system.queue.send(a_body(with_file=True))
        await until_empty(system.queue)
        (visible,) = directories(harness)

        harness.objects.errors[MASTER] = [TargetRefusedError(MASTER, "the object is locked")]
        system.queue.send_back(system.queue.dead_letters[-1])
        await until_empty(system.queue)

        assert (harness.record().status, harness.record().run) == (Status.FAILED, 2)
        assert directories(harness) == [visible]
        assert len(play(MASTER_URL, lambda uri: fetched(harness, uri))) == 2


@virtual_time
async def test_a_worker_that_stood_still_while_it_deleted_takes_nothing_of_the_next_run(tmp_path: Path) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        harness = system.harness
        harness.objects.errors[MASTER] = [TargetRefusedError(MASTER, "the object is locked")]
        system.queue.send(a_body())
        await until_empty(system.queue)
        failed = harness.record()
        listed = directories_at(STREAM, "ep-1")
        harness.objects.half_done[listed].clear()
        may_delete = held(harness, listed)
        late = asyncio.create_task(PublishedOutputs(harness.objects).drop_hidden(parse_job(a_body()), failed.version))
        await harness.objects.half_done[listed].wait()
        del harness.objects.may_finish[listed]

        system.queue.send_back(system.queue.dead_letters[-1])
        await until_empty(system.queue)
        may_delete.set()
        await late

        assert (harness.record().status, harness.record().run) == (Status.COMPLETED, 2)
        assert len(keys(harness)) == OBJECTS
        assert len(play(MASTER_URL, lambda uri: fetched(harness, uri))) == 2


@virtual_time
async def test_while_nothing_is_published_yet_a_late_clean_up_of_an_earlier_attempt_deletes_nothing_newer(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes(a_body())
        await asyncio.sleep(120)
        crashed = harness.record().version
        held(harness, MASTER)
        handling = asyncio.create_task(harness.handle(a_body(), receive_count=2))
        await harness.objects.half_done[MASTER].wait()

        await PublishedOutputs(harness.objects).drop_hidden(parse_job(a_body()), crashed)
        harness.objects.may_finish[MASTER].set()

        assert await handling == Ack()
        assert len(play(MASTER_URL, lambda uri: fetched(harness, uri))) == 2


@virtual_time
async def test_a_job_whose_id_is_used_again_writes_beside_what_listeners_read(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle(a_body())
        before = fetched(harness, MASTER_URL)
        del harness.table.held["ep-1"]  # its record has expired
        harness.redis.held.clear()
        last = hidden("128k/playlist.m3u8", attempt=2)
        may_finish = held(harness, last)
        handling = asyncio.create_task(harness.handle(a_body(), receive_count=2))
        await harness.objects.half_done[last].wait()

        assert fetched(harness, MASTER_URL) == before
        assert len(play(MASTER_URL, lambda uri: fetched(harness, uri))) == 2
        assert len(directories(harness)) == 2

        may_finish.set()
        assert await handling == Ack()
        assert directories(harness) == [hidden(attempt=2).key[:-1]]


@virtual_time
async def test_what_a_completed_job_replaced_is_deleted_after_its_record_and_event(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.crashes(a_body())
        harness.objects.put(hidden("64k/00000.m4s"), b"of the first attempt")
        await asyncio.sleep(120)
        may_delete = held(harness, hidden())
        handling = asyncio.create_task(harness.handle(a_body(), receive_count=2))
        await harness.objects.half_done[hidden()].wait()

        assert harness.record().status is Status.COMPLETED
        assert len(harness.publisher.events) == 1

        may_delete.set()
        assert await handling == Ack()
        assert len(keys(harness)) == OBJECTS


@virtual_time
async def test_what_could_not_be_deleted_at_the_end_is_deleted_when_the_message_comes_again(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        refused, listed = hidden("128k/00002.m4s"), directories_at(STREAM, "ep-1")
        harness.objects.errors[refused] = [TargetRefusedError(refused, "the object is locked")]
        harness.objects.errors[listed] = [DependencyUnavailableError("S3", "is away")]
        await harness.handle(a_body())
        assert harness.record().status is Status.FAILED
        assert keys(harness) != []

        await harness.handle(a_body())

        assert keys(harness) == []


@virtual_time
async def test_a_first_attempt_that_fails_ends_no_upload_of_another_job_to_its_targets(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.unfinished = {MASTER, SECOND}
        harness.objects.errors[SECOND] = [TargetRefusedError(SECOND, "the object is locked")]

        await harness.handle(a_body(with_file=True))
        await harness.handle(a_body(with_file=True))

        assert harness.record().status is Status.FAILED
        assert harness.objects.unfinished == {MASTER, SECOND}
