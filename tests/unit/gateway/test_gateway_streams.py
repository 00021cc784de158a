"""Streams of the gateway beside clients that read nothing, and at the limits of their number and time."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import Response

from tests.fakes.stores import FakeJobTable
from tests.support.records import a_record, completed
from tests.support.virtual_time import virtual_time
from worker.application.progress.reader import Reader
from worker.domain.progress import Record, Status, next_run
from worker.gateway.event_stream import COMMENT
from worker.gateway.feeds import Feeds
from worker.gateway.problems import ProblemError
from worker.gateway.streams import StreamRoutes

JOB = "ep-0142"
RUNNING = a_record(7, 1)


class Client:
    """An ASGI server's side of one stream, of a client that reads only while it is `reading`."""

    def __init__(self, *, is_reading: bool = True) -> None:
        self.reading = asyncio.Event()
        if is_reading:
            self.reading.set()
        self.body = b""

    async def receive(self) -> MutableMapping[str, Any]:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await self.reading.wait()
            self.body += message["body"]

    async def take(self, response: Response) -> None:
        await response({"type": "http"}, self.receive, self.send)


class World:
    """A gateway's streams over a job table that holds a running job."""

    def __init__(self, *, max_streams: int = 10) -> None:
        self.table = FakeJobTable()
        self.table.held[JOB] = RUNNING
        self.feeds = Feeds(Reader(self.table, None, random=lambda: 0.5))
        self.routes = StreamRoutes(self.feeds, max_streams=max_streams)

    async def connect(self, client: Client, seen: str | None = None) -> asyncio.Task[None]:
        return asyncio.create_task(client.take(await self.routes.watch(JOB, seen)))

    def hold(self, record: Record) -> None:
        self.table.held[JOB] = record


@virtual_time
async def test_streams_after_a_retry_see_the_new_run_beside_a_client_that_does_not_read() -> None:
    world = World()
    stuck, late = Client(), Client()
    failed = a_record(7, 2, status=Status.FAILED, stage=None)
    stream = await world.connect(stuck)
    other = await world.connect(Client())
    await asyncio.sleep(1)
    stuck.reading.clear()
    world.hold(failed)
    await other
    again = next_run(failed, failed.updated_at)
    world.hold(again)

    following = await world.connect(late, f"{failed.version.fence}-{failed.version.seq}")
    await asyncio.sleep(5)
    world.hold(completed(again, again.version.seq + 1))
    await following

    assert b'"failed"' not in stuck.body
    assert b'"queued"' in late.body
    assert b'"completed"' in late.body
    assert b'"failed"' not in late.body
    await stream
    assert world.feeds.streams == 0


@virtual_time
async def test_a_client_that_reads_nothing_for_a_minute_is_dropped() -> None:
    world = World()
    stream = await world.connect(Client(is_reading=False))
    await asyncio.sleep(59)
    assert (world.feeds.streams, stream.done()) == (1, False)
    await asyncio.sleep(2)
    assert (world.feeds.streams, stream.done()) == (0, True)


@virtual_time
async def test_streams_that_come_at_the_same_time_are_never_more_than_the_limit() -> None:
    world = World(max_streams=2)
    results = await asyncio.gather(*(world.routes.watch(JOB) for _ in range(5)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, ProblemError)]
    assert [problem.detail for problem in refused] == ["too many streams are open"] * 3
    assert world.feeds.streams == 2


@virtual_time
async def test_a_stream_that_does_not_begin_takes_no_place() -> None:
    world = World()
    del world.table.held[JOB]
    with pytest.raises(ProblemError):
        await world.routes.watch(JOB)
    world.hold(completed(RUNNING, 2))
    assert (await world.routes.watch(JOB, "7-2")).status_code == 204
    assert world.feeds.streams == 0


@virtual_time
async def test_a_stream_whose_first_read_ends_after_the_drain_began_sends_one_record_and_ends() -> None:
    world, client = World(), Client()
    response = await world.routes.watch(JOB)
    world.feeds.close()
    async with asyncio.timeout(1):
        await client.take(response)
    assert client.body.count(b"event: progress") == 1


@virtual_time
async def test_a_stream_without_news_has_a_comment_every_15_seconds() -> None:
    world, client = World(), Client()
    stream = await world.connect(client)
    await asyncio.sleep(14)
    assert COMMENT not in client.body
    await asyncio.sleep(32)
    assert client.body.count(COMMENT) == 3
    assert client.body.count(b"event: progress") == 1
    stream.cancel()
    await asyncio.wait([stream])
    assert world.feeds.streams == 0


@virtual_time
async def test_a_stream_of_several_jobs_shows_each_and_ends_after_the_ends_of_all() -> None:
    world, client = World(), Client()
    other = a_record(9, 1, job_id="other")
    world.table.held["other"] = other
    stream = asyncio.create_task(client.take(await world.routes.watch_several([JOB, "other", "nobody", JOB])))
    await asyncio.sleep(5)
    assert client.body.count(b"event: progress") == 2
    assert world.feeds.streams == 3  # one for each job that was asked for

    world.hold(completed(RUNNING, 2))
    await asyncio.sleep(5)
    assert not stream.done()
    world.table.held["other"] = completed(other, 2)
    await stream

    assert client.body.count(b'"completed"') == 2
    assert world.feeds.streams == 0


@virtual_time
async def test_a_stream_of_jobs_that_do_not_exist_is_a_problem_and_takes_no_place() -> None:
    world = World()
    with pytest.raises(ProblemError) as caught:
        await world.routes.watch_several(["nobody", "nothing"])
    assert caught.value.status == 404
    assert world.feeds.streams == 0


@virtual_time
async def test_a_stream_of_several_jobs_takes_a_place_for_each() -> None:
    world = World(max_streams=2)

    with pytest.raises(ProblemError, match="too many streams"):
        await world.routes.watch_several([JOB, "other", "third"])

    assert world.feeds.streams == 0
