"""Outputs of several objects: what of them can be seen when, and what is left if their job does not complete."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.support.harness import SECOND, SOURCE, a_harness, two_harnesses
from tests.support.hls import play
from tests.support.records import a_record
from tests.support.streams import MASTER, MASTER_URL, OBJECTS, STREAM, a_body, fetched, held, hidden, keys
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.domain.disposition import Ack
from worker.domain.errors import (
    DependencyUnavailableError,
    JobCancelledError,
    TargetRefusedError,
)
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status


@virtual_time
async def test_a_player_finds_all_that_the_master_playlist_names(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        assert await harness.handle(a_body()) == Ack()

        streams = play(MASTER_URL, lambda uri: fetched(harness, uri))
        source = harness.objects.get(SOURCE)
        assert source is not None
        assert [stream.sound for stream in streams] == [source.data] * 2
        assert len(keys(harness)) == OBJECTS


@virtual_time
async def test_the_record_has_the_bytes_of_all_objects_and_the_digest_of_the_master_playlist(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle(a_body())

        (output,) = harness.record().outputs
        assert output.target == str(STREAM)
        assert output.bytes == sum(len(each.data) for each in harness.objects.buckets["out-bucket"].values())
        assert output.sha256 == hashlib.sha256(fetched(harness, MASTER_URL)).hexdigest()
        assert output.duration_seconds == 1.0


@virtual_time
async def test_each_object_says_what_it_is(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await harness.handle(a_body())

        types = {
            key.rpartition(".")[2]: each.content_type for key, each in harness.objects.buckets["out-bucket"].items()
        }
        assert types == {"m3u8": "application/vnd.apple.mpegurl", "mp4": "audio/mp4", "m4s": "audio/mp4"}


@virtual_time
async def test_nothing_is_seen_before_all_else_is_there(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        last = hidden("128k/playlist.m3u8")
        may_finish = held(harness, last)
        handling = asyncio.create_task(harness.handle(a_body()))
        await harness.objects.half_done[last].wait()
        await wait_until(lambda: len(keys(harness)) == OBJECTS - 2)

        assert harness.objects.get(MASTER) is None
        assert harness.record().status is Status.RUNNING

        may_finish.set()
        assert await handling == Ack()
        assert harness.objects.get(MASTER) is not None


@virtual_time
async def test_progress_grows_with_each_object_that_is_sent(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        last = hidden("128k/playlist.m3u8")
        may_finish = held(harness, last)
        handling = asyncio.create_task(harness.handle(a_body()))
        await harness.objects.half_done[last].wait()
        await asyncio.sleep(60)  # for a checkpoint

        assert 90 < harness.record().percent < 100

        may_finish.set()
        await handling
        assert harness.record().percent == 100


@pytest.mark.parametrize("stops_at", [hidden("64k/00001.m4s"), MASTER], ids=["a segment", "the master playlist"])
@virtual_time
async def test_of_a_job_that_is_cancelled_while_it_is_sent_nothing_stays(
    stops_at: ObjectLocation, tmp_path: Path
) -> None:
    async with a_harness(tmp_path) as harness:
        held(harness, stops_at)
        work = harness.work(a_body())
        handling = asyncio.create_task(harness.handler.handle(work))
        await harness.objects.half_done[stops_at].wait()

        work.stop(JobCancelledError())
        await handling

        assert harness.record().status is Status.CANCELLED
        assert keys(harness) == []


@virtual_time
async def test_a_published_stream_of_a_cancelled_job_is_taken_back_and_what_others_put_beneath_it_stays(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.put(ObjectLocation("out-bucket", "ep-1/notes.txt"), b"somebody's")
        harness.objects.put(hidden("64k/00000.m4s", job_id="another"), b"another job's")
        held(harness, SECOND)
        work = harness.work(a_body(with_file=True))
        handling = asyncio.create_task(harness.handler.handle(work))
        await harness.objects.half_done[SECOND].wait()
        assert harness.objects.get(MASTER) is not None

        work.stop(JobCancelledError())
        await handling

        assert keys(harness) == sorted(["ep-1/notes.txt", hidden("64k/00000.m4s", job_id="another").key])


@virtual_time
async def test_of_a_job_that_fails_while_it_is_sent_nothing_stays(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        refused = hidden("128k/00002.m4s")
        harness.objects.errors[refused] = [TargetRefusedError(refused, "the object is locked")]

        assert await harness.handle(a_body()) != Ack()

        assert harness.record().status is Status.FAILED
        assert keys(harness) == []


@virtual_time
async def test_a_whole_stream_of_a_job_that_fails_afterwards_stays_like_any_output(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.errors[SECOND] = [TargetRefusedError(SECOND, "the object is locked")]

        await harness.handle(a_body(with_file=True))

        assert harness.record().status is Status.FAILED
        assert len(keys(harness)) == OBJECTS


@virtual_time
async def test_an_object_that_could_not_be_sent_is_sent_again(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        for location in (hidden("64k/init.mp4"), hidden("128k/00001.m4s"), MASTER):
            harness.objects.errors[location] = [DependencyUnavailableError("S3", "is away")] * 2

        assert await harness.handle(a_body()) == Ack()

        assert harness.converter.conversions == 1
        assert len(keys(harness)) == OBJECTS
        assert harness.record().percent == 100


@virtual_time
async def test_a_worker_that_has_lost_its_claim_meanwhile_shows_nothing_and_another_finishes(tmp_path: Path) -> None:
    async with two_harnesses(tmp_path) as (first, second):
        last = hidden("128k/playlist.m3u8")
        may_finish = held(first, last)
        handling = asyncio.create_task(first.handle(a_body()))
        await first.objects.half_done[last].wait()
        await asyncio.sleep(2)  # a claim that is younger needs no confirmation
        await first.table.write(a_record(first.record().version.fence + 1, 1, job_id="ep-1"))

        may_finish.set()
        await handling

        assert keys(first) == []
        await asyncio.sleep(120)  # until the claim that took over has become old
        assert await second.handle(a_body(), receive_count=3) == Ack()
        assert len(keys(second)) == OBJECTS
