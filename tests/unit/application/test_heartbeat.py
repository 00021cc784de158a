"""The heartbeat: one log line each minute."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.queue import FakeQueue, Hang, ScriptedFaults
from tests.support.events import LoggedEvents, logged_events
from tests.support.virtual_time import virtual_time
from tests.unit.test_http import RUNNING, Parts
from worker.application.consuming.consumer import ConsumerStatus
from worker.application.consuming.pause import Pause, PauseReason
from worker.application.operations.health import HealthMonitor
from worker.application.operations.heartbeat import Heartbeat
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event

NOW = datetime(2026, 11, 22, 20, 1, 30, tzinfo=UTC)


class Machine:
    """A machine with what a test expects to read."""

    def workspace_free_bytes(self) -> int | None:
        return 7_000

    def worker_memory_bytes(self) -> int | None:
        return 5_000

    def converters_memory_bytes(self) -> int | None:
        return None


HALF_BUSY = replace(RUNNING, jobs=1, slots=2, youngest_sent_at_ms=int(NOW.timestamp() * 1000) - 30_000)


@dataclass
class HalfBusy(Parts):
    """One of two slots has a job; the youngest message that has come was sent half a minute ago."""

    state: ConsumerStatus = HALF_BUSY

    def status(self) -> ConsumerStatus:
        return self.state


async def beats(queue: FakeQueue, seconds: float, parts: Parts | None = None) -> LoggedEvents:
    parts = HalfBusy() if parts is None else parts
    monitor = HealthMonitor(parts, parts)
    tasks = [
        asyncio.create_task(body())
        for body in (monitor.run, Heartbeat(monitor, queue, Machine(), now=lambda: NOW).run)
    ]
    with logged_events() as logged:
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
    return logged


@virtual_time
async def test_a_heartbeat_comes_once_a_minute() -> None:
    logged = await beats(FakeQueue(), 605)

    assert len(logged.of(Event.WORKER_HEARTBEAT)) == 10


@virtual_time
async def test_a_heartbeat_says_what_the_worker_does_and_what_it_has_left() -> None:
    line = (await beats(FakeQueue(), 61)).one(Event.WORKER_HEARTBEAT)

    assert (line["jobs"], line["slots"]) == (1, 2)
    assert (line["redis_state"], line["progress_store"]) == ("unavailable", "dynamodb")
    assert (line["workspace_free_bytes"], line["worker_memory_bytes"]) == (7_000, 5_000)
    assert line["converters_memory_bytes"] is None


@virtual_time
async def test_a_heartbeat_says_whether_consumption_pauses_and_receives_fail() -> None:
    paused = replace(RUNNING, pause=Pause(PauseReason.S3, "access denied"), poll_failures=3)

    well = (await beats(FakeQueue(), 61)).one(Event.WORKER_HEARTBEAT)
    ill = (await beats(FakeQueue(), 61, HalfBusy(paused))).one(Event.WORKER_HEARTBEAT)

    assert (well["pause_reason"], well["poll_failures"]) == (None, 0)
    assert (ill["pause_reason"], ill["poll_failures"]) == ("s3", 3)


@virtual_time
async def test_an_empty_queue_has_no_oldest_message() -> None:
    line = (await beats(FakeQueue(), 61)).one(Event.WORKER_HEARTBEAT)

    assert (line["queue_depth"], line["oldest_message_seconds"]) == (0, 0.0)


@virtual_time
async def test_what_waits_is_taken_to_be_as_old_as_the_youngest_message_that_has_come() -> None:
    queue = FakeQueue()
    queue.send("{}")
    queue.send("{}")

    line = (await beats(queue, 61)).one(Event.WORKER_HEARTBEAT)

    assert (line["queue_depth"], line["oldest_message_seconds"]) == (2, 30.0)


@virtual_time
async def test_where_no_message_has_come_yet_the_age_is_not_known() -> None:
    queue = FakeQueue()
    queue.send("{}")

    line = (await beats(queue, 61, HalfBusy(replace(RUNNING, youngest_sent_at_ms=None)))).one(Event.WORKER_HEARTBEAT)

    assert (line["queue_depth"], line["oldest_message_seconds"]) == (1, None)


@virtual_time
@pytest.mark.parametrize("fault", [DependencyUnavailableError("SQS", "is away"), Hang.FOREVER])
async def test_a_queue_that_does_not_answer_costs_its_fields_and_not_the_line(fault: Any) -> None:
    faults = ScriptedFaults()
    faults.requests("depth", fault)

    line = (await beats(FakeQueue(faults=faults), 66)).one(Event.WORKER_HEARTBEAT)

    assert (line["queue_depth"], line["oldest_message_seconds"]) == (None, None)
    assert line["jobs"] == 1
