"""Jobs beside each other, and suspects alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.queue import FakeQueue
from tests.support.events import logged_events
from tests.support.harness import TARGET, Harness, a_body, a_harness, a_worker, until_empty
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.slots import Slots
from worker.domain.disposition import Release
from worker.domain.errors import ShutdownError
from worker.domain.progress import Status
from worker.events import Event


def three() -> tuple[Slots, list[str], asyncio.Event]:
    return Slots(4), [], asyncio.Event()


async def runs_alone(slots: Slots, log: list[str], name: str, may_end: asyncio.Event) -> None:
    async with slots.alone():
        log.append(f"{name} begins")
        await may_end.wait()
        log.append(f"{name} ends")


@virtual_time
async def test_a_suspect_waits_for_the_jobs_that_run_and_reserves_the_worker_meanwhile() -> None:
    slots, log, may_end = three()
    may_end.set()
    with slots.beside_others():
        assert not slots.is_reserved
        suspect = asyncio.create_task(runs_alone(slots, log, "suspect", may_end))
        await wait_until(lambda: slots.is_reserved)
        assert log == []

    await suspect
    assert log == ["suspect begins", "suspect ends"]
    assert not slots.is_reserved


@virtual_time
async def test_suspects_run_one_after_the_other_in_their_order() -> None:
    slots, log, may_end = three()
    suspects = [asyncio.create_task(runs_alone(slots, log, name, may_end)) for name in "abc"]
    await wait_until(lambda: bool(log))
    may_end.set()
    await asyncio.gather(*suspects)

    assert log == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


@virtual_time
async def test_a_suspect_that_is_cancelled_lets_the_next_one_run() -> None:
    slots, log, may_end = three()
    first, second, third = (asyncio.create_task(runs_alone(slots, log, name, may_end)) for name in "abc")
    await wait_until(lambda: bool(log))
    for each in (second, first):
        each.cancel()
        await asyncio.wait([each])
    may_end.set()
    await third

    assert log == ["a begins", "c begins", "c ends"]


@virtual_time
async def test_no_suspect_begins_after_the_stop() -> None:
    slots, log, may_end = three()
    with slots.beside_others():
        waiting = asyncio.create_task(runs_alone(slots, log, "a", may_end))
        await wait_until(lambda: slots.is_reserved)
        slots.close()
        with pytest.raises(ShutdownError):
            await waiting
        with pytest.raises(ShutdownError):
            await runs_alone(slots, log, "b", may_end)
    assert log == []
    assert not slots.is_reserved


# --- in a worker -------------------------------------------------------------------------------------------------


async def a_death_over(harness: Harness, *job_ids: str) -> None:
    for number, job_id in enumerate(job_ids):
        harness.converter.may_finish.clear()
        handling = asyncio.create_task(harness.handler.handle(harness.work(a_body(job_id, TARGET))))
        await wait_until(lambda: harness.converter.running)
        handling.cancel()
        await asyncio.wait([handling])
        assert harness.record(job_id).status is Status.RUNNING, number
    await asyncio.sleep(100)


@virtual_time
async def test_a_worker_takes_nothing_beside_a_suspect_that_waits_or_runs(tmp_path: Path) -> None:
    queue = FakeQueue()
    async with a_harness(tmp_path) as harness:
        await a_death_over(harness, "ep-1")
        for name in ("ep-1", "ep-2", "ep-3"):
            queue.send(a_body(name))
        with logged_events() as logged:
            async with a_worker(harness, queue, concurrency=4):
                await wait_until(lambda: harness.slots.is_reserved and harness.converter.running == 2)
                queue.send(a_body("ep-4"))
                await asyncio.sleep(30)
                assert len(logged.of(Event.JOB_STARTED)) == 2
                harness.converter.may_finish.set()
                await until_empty(queue)

        assert [len(logged.of(event)) for event in (Event.JOB_STARTED, Event.JOB_COMPLETED)] == [4, 4]
        ended = [record.job_id for record in harness.table.writes if record.status is Status.COMPLETED]
        assert set(ended[:2]) == {"ep-2", "ep-3"}
        assert harness.record("ep-1").attempt == 2


@virtual_time
async def test_a_worker_full_of_suspects_runs_them_all(tmp_path: Path) -> None:
    queue = FakeQueue()
    names = [f"ep-{number}" for number in range(6)]
    async with a_harness(tmp_path) as harness:
        await a_death_over(harness, *names)
        harness.converter.may_finish.set()
        for name in names:
            queue.send(a_body(name))
        async with a_worker(harness, queue, concurrency=6):
            await until_empty(queue)

        assert all(harness.record(name).status is Status.COMPLETED for name in names)
        assert {how for how, _ in queue.settled} == {"ack"}  # a suspect that waits for its turn is not put off


@virtual_time
async def test_a_suspect_that_waits_is_given_back_when_the_worker_stops(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        await a_death_over(harness, "ep-1")
        running = asyncio.create_task(harness.handle(a_body("ep-2")))
        await wait_until(lambda: harness.converter.running)
        waiting = asyncio.create_task(harness.handle(receive_count=2))
        await wait_until(lambda: harness.slots.is_reserved)
        harness.slots.close()

        assert await waiting == Release()
        assert harness.record("ep-1").attempt == 1
        harness.converter.may_finish.set()
        await running
