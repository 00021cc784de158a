"""The client: what it submits, what it returns, and how long it takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.clients import a_client
from tests.support.records import NOW, a_record
from tests.support.virtual_time import virtual_time
from worker.client import (
    DependencyUnavailableError,
    InvalidMessageError,
    JobExistsError,
    Jobs,
    NoIndexError,
    NotRetriedError,
    Status,
    new_job_id,
)
from worker.domain.progress import first_record
from worker.settings import ConfigurationError

SOURCE = "s3://in-bucket/a b.wav"
OUTPUTS = [{"target": "s3://out-bucket/a.mp3", "format": "mp3", "bitrate_kbps": 192}]


A_CYCLE: dict[str, Any] = {}
A_CYCLE["tags"] = A_CYCLE
NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]


class Sent:
    """A queue that keeps what is sent, or hangs."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], str | None, Mapping[str, str] | None]] = []
        self.hangs = False

    async def send(
        self,
        body: str,
        *,
        group_id: str | None = None,
        dedup_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(0)
        self.messages.append((json.loads(body), group_id, attributes))
        return dedup_id or "1"


async def test_a_job_is_put_on_the_queue_with_a_record_that_can_be_read_at_once() -> None:
    sender = Sent()
    async with a_client(FakeJobTable(), FakeProgressCache(), sender=sender) as jobs:
        job = await jobs.submit(source=SOURCE, outputs=OUTPUTS, group="tenant-7")

        assert (job.status, job.fresh, job.source) == (Status.QUEUED, True, SOURCE)
        assert await jobs.get(job.job_id) == job
    ((body, group, _),) = sender.messages
    assert body == {"job_id": job.job_id, "source": SOURCE, "outputs": OUTPUTS}
    assert group == "tenant-7"
    assert job.job_id.startswith("a-b-")


async def test_a_message_and_what_it_holds_may_be_mappings_of_any_kind() -> None:
    sender = Sent()
    output = {**OUTPUTS[0], "tags": MappingProxyType({"title": "a"})}
    message = MappingProxyType({"job_id": "ep-1", "source": SOURCE, "outputs": [MappingProxyType(output)]})
    async with a_client(FakeJobTable(), sender=sender) as jobs:
        await jobs.submit_message(message)

    ((body, _, _),) = sender.messages
    assert body == {"job_id": "ep-1", "source": SOURCE, "outputs": [{**OUTPUTS[0], "tags": {"title": "a"}}]}


async def test_a_list_of_sources_is_sent_as_it_is_and_read_back_as_their_addresses() -> None:
    sender = Sent()
    sources = [{"source": SOURCE}, {"source": "s3://in-bucket/b.mp3", "start_seconds": 0.5}]
    async with a_client(FakeJobTable(), FakeProgressCache(), sender=sender) as jobs:
        job = await jobs.submit(source=sources, outputs=OUTPUTS, crossfade_seconds=0.25)

        assert job.source == (SOURCE, "s3://in-bucket/b.mp3")
        assert await jobs.get(job.job_id) == job
    ((body, _, _),) = sender.messages
    assert body == {"job_id": job.job_id, "source": sources, "outputs": OUTPUTS, "crossfade_seconds": 0.25}


async def test_a_trace_context_goes_along_and_the_source_is_put_before_the_message_is_sent() -> None:
    sender = Sent()
    order: list[int] = []

    async def put_source() -> None:
        await asyncio.sleep(0)
        order.append(len(sender.messages))

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with a_client(FakeJobTable(), sender=sender) as jobs:
        await jobs.submit(source=SOURCE, outputs=OUTPUTS, traceparent=trace, put_source=put_source)

    assert order == [0]
    assert sender.messages[0][2] == {"traceparent": trace}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": "https://in/a.wav"}, "source"),
        ({"outputs": []}, "outputs"),
        ({"outputs": [{"target": "s3://out-bucket/a.mp3", "format": "mp4"}]}, "outputs[0].format"),
        ({"priority_of_mine": 1}, "priority_of_mine"),
        ({"job_id": "no spaces"}, "job_id"),
        ({"group": "tenant 7"}, "group"),
        ({"outputs": ["s3://out-bucket/a.mp3"]}, "outputs[0]"),
        ({"source": Path("a.wav")}, "body"),
        ({"source": b"s3://in-bucket/a.wav"}, "body"),
        ({"outputs": [{**OUTPUTS[0], "tags": {("title",): "a"}}]}, "body"),
        ({"outputs": [A_CYCLE]}, "body"),
        ({"source": NESTED}, "body"),
    ],
)
async def test_what_is_no_job_is_refused_with_the_name_of_the_field(changes: dict[str, Any], field: str) -> None:
    table = FakeJobTable()
    async with a_client(table, sender=Sent()) as jobs:
        with pytest.raises(InvalidMessageError) as caught:
            await jobs.submit(**{"source": SOURCE, "outputs": OUTPUTS} | changes)

    assert caught.value.field == field
    assert table.held == {}


async def test_an_id_that_is_taken_is_refused_with_its_record_and_the_same_job_again_is_not() -> None:
    sender = Sent()
    async with a_client(FakeJobTable(), sender=sender) as jobs:
        first = await jobs.submit(source=SOURCE, outputs=OUTPUTS, job_id="ep-1")
        again = await jobs.submit(source=SOURCE, outputs=OUTPUTS, job_id="ep-1")
        with pytest.raises(JobExistsError) as caught:
            await jobs.submit(source="s3://in-bucket/b.wav", outputs=OUTPUTS, job_id="ep-1")

    taken = caught.value.record
    assert {each.source for each in (first, again, taken)} == {SOURCE}
    assert first.version == again.version == taken.version
    assert len(sender.messages) == 2


async def test_a_job_that_waits_is_cancelled_and_then_run_again() -> None:
    sender = Sent()
    async with a_client(FakeJobTable(), sender=sender) as jobs:
        await jobs.submit(source=SOURCE, outputs=OUTPUTS, job_id="ep-1")
        cancelled = await jobs.cancel("ep-1")
        queued = await jobs.retry("ep-1")
        with pytest.raises(NotRetriedError):
            await jobs.retry((await jobs.submit(source=SOURCE, outputs=OUTPUTS, job_id="ep-2")).job_id)

        assert cancelled is not None
        assert queued is not None
        assert (cancelled.status, queued.status, queued.run) == (Status.CANCELLED, Status.QUEUED, 2)
        assert await jobs.cancel("nobody") is None
        assert await jobs.retry("nobody") is None
        assert await jobs.get("nobody") is None


async def test_a_client_is_entered_once() -> None:
    async with a_client(FakeJobTable()) as jobs:
        with pytest.raises(RuntimeError, match="make another one"):
            async with jobs:
                pass
        assert await jobs.get("nobody") is None


async def test_a_record_says_when_a_store_could_not_be_asked() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    await table.write(a_record())
    cache.breaks()
    async with a_client(table, cache) as jobs:
        record = await jobs.get("ep-0142")

    assert record is not None
    assert not record.fresh
    assert record.to_dict() == a_record().to_dict() | {"fresh": False}


async def test_a_session_never_goes_back() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    async with a_client(table, cache) as jobs:
        await cache.write(a_record(seq=9))
        newest = await jobs.get("ep-0142")
        cache.held.clear()
        await table.write(a_record(seq=5))
        assert await jobs.get("ep-0142") == newest


async def test_a_list_has_the_newest_first_and_says_when_each_came_to_its_status() -> None:
    table = FakeJobTable()
    await table.write(first_record("old", None, (), NOW))
    await table.write(replace(a_record(), job_id="new"))
    async with a_client(table) as jobs:
        assert {record.job_id for record in await jobs.list()} == {"old", "new"}
        (record,) = await jobs.list(status=Status.RUNNING, limit=1)
    assert (record.job_id, record.status_at) == ("new", NOW)
    async with a_client(table, is_indexed=False) as jobs:
        with pytest.raises(NoIndexError):
            await jobs.list()


async def test_a_list_takes_the_name_of_a_status_and_may_be_of_no_jobs() -> None:
    table = FakeJobTable()
    await table.write(first_record("old", None, (), NOW))
    async with a_client(table) as jobs:
        assert [record.job_id for record in await jobs.list(status="queued")] == ["old"]
        assert await jobs.list(limit=0) == []
        with pytest.raises(ValueError, match="nonsense"):
            await jobs.list(status="nonsense")


@pytest.mark.parametrize("job_id", ["", "a b", "ü", "x" * 3000])
async def test_of_what_is_no_id_there_is_no_job_and_dynamodb_is_not_asked(job_id: str) -> None:
    table = FakeJobTable()
    table.breaks()
    async with a_client(table, sender=Sent()) as jobs:
        assert [await jobs.get(job_id), await jobs.cancel(job_id), await jobs.retry(job_id)] == [None] * 3
        assert [record async for record in jobs.watch(job_id)] == []


@virtual_time
async def test_what_hangs_is_given_up_in_time() -> None:
    sender = Sent()
    sender.hangs = True
    async with a_client(FakeJobTable(), sender=sender, timeout_seconds=3) as jobs:
        began_at = asyncio.get_running_loop().time()
        with pytest.raises(DependencyUnavailableError, match="AWS did not answer within 3 s"):
            await jobs.submit(source=SOURCE, outputs=OUTPUTS)
        assert asyncio.get_running_loop().time() - began_at < 4


async def test_a_table_that_is_away_is_one_kind_of_error_whatever_is_asked() -> None:
    table = FakeJobTable()
    table.breaks()
    async with a_client(table, sender=Sent()) as jobs:
        for call in (jobs.submit(source=SOURCE, outputs=OUTPUTS), jobs.cancel("a"), jobs.retry("a"), jobs.get("a")):
            with pytest.raises(DependencyUnavailableError):
                await call


async def test_it_is_used_inside_of_async_with() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Jobs.from_env({}).get("a")


async def test_an_environment_with_faults_names_all_of_them() -> None:
    with pytest.raises(ConfigurationError, match="WORKER_TABLE") as caught:
        async with Jobs.from_env({"WORKER_TABEL": "t"}):
            pass
    assert "did you mean WORKER_TABLE?" in str(caught.value)


def test_an_id_shows_where_the_job_comes_from() -> None:
    assert new_job_id("s3://in/ep 0142.wav").startswith("ep-0142-")
    assert new_job_id([{"source": "s3://in/a.wav"}]).startswith("job-")
    assert new_job_id(SOURCE) != new_job_id(SOURCE)
