"""While every slot is busy nothing is received, and an outage of the job table is noticed all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.queue import FakeQueue
from tests.support.events import logged_events
from tests.support.harness import LEASE_SECONDS, Harness, a_body, a_harness, a_worker, until_empty
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.pause import PauseReason
from worker.events import Event

HOUR = 3600.0


async def two_jobs_run(harness: Harness, queue: FakeQueue) -> None:
    """They hang half-way, until `harness.converter.may_finish` is set."""
    harness.converter.may_finish.clear()
    for job_id in ("ep-1", "ep-2"):
        queue.send(a_body(job_id=job_id))
    await wait_until(lambda: harness.converter.running == 2)


async def until_paused(consumer: Consumer) -> None:
    while (pause := consumer.status().pause) is None or pause.reason is not PauseReason.TABLE:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


@virtual_time
async def test_an_outage_of_the_table_is_noticed_while_every_slot_is_busy(tmp_path: Path) -> None:
    queue = FakeQueue(visibility_seconds=LEASE_SECONDS, max_receive_count=10)
    with logged_events() as logged:
        async with a_harness(tmp_path) as harness, a_worker(harness, queue) as consumer:
            await two_jobs_run(harness, queue)
            harness.table.breaks()
            began_at = now()
            await until_paused(consumer)
            assert now() - began_at < 15
            harness.converter.may_finish.set()
            await asyncio.sleep(HOUR)
            assert queue.dead_letters == []
            harness.table.works()
            await until_empty(queue)
            assert consumer.status().pause is None

    assert len(logged.of(Event.DYNAMODB_UNAVAILABLE)) == len(logged.of(Event.DYNAMODB_AVAILABLE)) == 1
    assert logged.one(Event.DYNAMODB_AVAILABLE)["jobs_put_off"] == 0
    assert len(logged.of(Event.JOB_COMPLETED)) == 2


@virtual_time
async def test_a_worker_drains_in_time_amid_a_pause_that_began_with_all_slots_busy(tmp_path: Path) -> None:
    queue = FakeQueue(visibility_seconds=LEASE_SECONDS, max_receive_count=10)
    async with a_harness(tmp_path) as harness:
        async with a_worker(harness, queue) as consumer:
            await two_jobs_run(harness, queue)
            harness.table.breaks()
            await until_paused(consumer)
            stopped_at = now()

        assert now() - stopped_at < 15
