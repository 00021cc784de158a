"""From the start to the last release: signals, side tasks, and what is logged of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.fakes.queue import FakeQueue
from tests.support.consuming import Until, a_consumer
from tests.support.events import logged_events
from tests.support.virtual_time import virtual_time
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.execution import Execution
from worker.application.consuming.work import Work
from worker.application.operations.lifecycle import Lifecycle, SideTask
from worker.domain.disposition import Ack, Disposition, Release
from worker.domain.errors import ShutdownError
from worker.events import Event


@dataclass
class JobHandler:
    """Runs jobs of a fixed length, and gives them back when it is stopped."""

    seconds: float
    unwinding_seconds: float = 0.0
    begun: list[float] = field(default_factory=list)

    async def handle(self, work: Work) -> Disposition:
        self.begun.append(asyncio.get_running_loop().time())
        try:
            execution = Execution()
            with work.running(execution, Until()):
                await execution.run(self._work(), name="job")
        except ShutdownError:
            return Release()
        return Ack()

    async def _work(self) -> None:
        try:
            await asyncio.sleep(self.seconds)
        finally:
            if self.unwinding_seconds:
                await asyncio.sleep(self.unwinding_seconds)


@dataclass
class Worker:
    queue: FakeQueue
    handler: JobHandler
    lifecycle: Lifecycle
    consumer: Consumer


def a_worker(
    *,
    job_seconds: float = 5,
    unwinding_seconds: float = 0.0,
    side_tasks: dict[str, SideTask] | None = None,
    drain_seconds: float = 100,
) -> Worker:
    queue = FakeQueue()
    handler = JobHandler(job_seconds, unwinding_seconds)
    renewer, consumer = a_consumer(queue, handler, concurrency=2)
    lifecycle = Lifecycle(
        consumer,
        {"lease renewer": renewer.run, **(side_tasks or {})},
        drain_seconds=drain_seconds,
        announced={"python": "3.11"},
        began_at=asyncio.get_running_loop().time() - 1.5,
    )
    return Worker(queue, handler, lifecycle, consumer)


def later(seconds: float, act: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(seconds, act)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_exit_code_is_0(number: signal.Signals) -> None:
    @virtual_time
    async def check() -> None:
        worker = a_worker(job_seconds=5)
        worker.queue.send("{}")
        later(2, lambda: signal.raise_signal(number))

        with logged_events() as logged:
            assert await worker.lifecycle.run() == 0

        assert worker.queue.settled == [("ack", "message-1")]
        assert logged.one(Event.WORKER_STARTED)["python"] == "3.11"
        assert logged.one(Event.WORKER_READY)["startup_seconds"] == 1.5
        draining = logged.one(Event.WORKER_DRAINING)
        assert (draining["signal"], draining["jobs"], draining["drain_seconds"]) == (number.name, 1, 100)
        stopped = logged.one(Event.WORKER_STOPPED)
        assert (stopped["exit_code"], stopped["released"]) == (0, 0)
        assert 3 <= stopped["drain_seconds"] <= 5

    check()


@virtual_time
async def test_a_job_that_does_not_fit_the_drain_is_given_back_within_it() -> None:
    worker = a_worker(job_seconds=5000)
    worker.queue.send("{}")
    later(2, lambda: signal.raise_signal(signal.SIGTERM))

    with logged_events() as logged:
        assert await worker.lifecycle.run() == 0

    assert worker.queue.settled == [("change_visibility", "message-1")]
    stopped = logged.one(Event.WORKER_STOPPED)
    assert stopped["released"] == 1
    assert 85 < stopped["drain_seconds"] < 100


@pytest.mark.parametrize("jobs", [0, 1])
def test_a_drain_of_no_length_gives_everything_back_and_is_a_clean_end(jobs: int) -> None:
    @virtual_time
    async def check() -> None:
        worker = a_worker(job_seconds=5000, unwinding_seconds=0.1, drain_seconds=0)
        for _ in range(jobs):
            worker.queue.send("{}")
        later(2, lambda: signal.raise_signal(signal.SIGTERM))

        with logged_events() as logged:
            assert await worker.lifecycle.run() == 0

        assert logged.one(Event.WORKER_STOPPED)["released"] == jobs
        assert logged.one(Event.WORKER_STOPPED)["drain_seconds"] <= 1

    check()


@virtual_time
async def test_a_second_signal_stops_the_running_jobs_at_once() -> None:
    worker = a_worker(job_seconds=5000)
    worker.queue.send("{}")
    later(2, lambda: signal.raise_signal(signal.SIGINT))
    later(3, lambda: signal.raise_signal(signal.SIGINT))

    with logged_events() as logged:
        assert await worker.lifecycle.run() == 0

    assert worker.queue.settled == [("change_visibility", "message-1")]
    assert logged.one(Event.WORKER_STOPPED)["drain_seconds"] == pytest.approx(1, abs=0.1)


@virtual_time
async def test_a_drain_that_cannot_end_is_cut_off_at_its_deadline() -> None:
    worker = a_worker(job_seconds=5000, unwinding_seconds=1000)
    worker.queue.send("{}")
    later(2, lambda: signal.raise_signal(signal.SIGTERM))

    with logged_events() as logged:
        assert await worker.lifecycle.run() == 1

    assert logged.one(Event.WORKER_STOPPED)["drain_seconds"] == pytest.approx(100, abs=1)
    assert not logged.of(Event.WORKER_CRASHED)


@virtual_time
async def test_after_a_second_signal_a_job_that_does_not_end_is_cut_off_within_seconds() -> None:
    worker = a_worker(job_seconds=5000, unwinding_seconds=1000)
    worker.queue.send("{}")
    for seconds in (2, 3, 9, 13.5):  # a third one gives no more time, and none comes too late
        later(seconds, lambda: signal.raise_signal(signal.SIGINT))

    with logged_events() as logged:
        assert await worker.lifecycle.run() == 1

    assert logged.one(Event.WORKER_STOPPED)["drain_seconds"] == pytest.approx(11, abs=1)


@virtual_time
async def test_renewals_end_after_the_last_release() -> None:
    ends: list[tuple[str, float]] = []

    async def side() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(("side task", asyncio.get_running_loop().time()))

    worker = a_worker(job_seconds=30, side_tasks={"side": side})
    worker.queue.send("{}")
    later(1, lambda: signal.raise_signal(signal.SIGTERM))

    with logged_events():
        await worker.lifecycle.run()

    assert worker.queue.settled == [("ack", "message-1")]
    assert ends[0][1] >= worker.handler.begun[0] + 30


@pytest.mark.parametrize("error", [RuntimeError("a bug"), TimeoutError("a bug"), None])
def test_a_side_task_that_ends_ends_the_worker_with_an_error(error: Exception | None) -> None:
    @virtual_time
    async def check() -> None:
        async def side() -> None:
            await asyncio.sleep(10)
            if error is not None:
                raise error

        worker = a_worker(job_seconds=5000, side_tasks={"failover": side})
        worker.queue.send("{}")

        with logged_events() as logged:
            assert await worker.lifecycle.run() == 1

        assert worker.queue.settled == [("change_visibility", "message-1")]
        crash = logged.one(Event.WORKER_CRASHED)["exception"]
        assert str(crash.exceptions[0]) == ("failover ended" if error is None else "a bug")
        assert logged.one(Event.WORKER_STOPPED)["exit_code"] == 1

    check()


@virtual_time
async def test_the_handlers_of_signals_are_restored() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        ours = signal.getsignal(signal.SIGTERM)
        worker = a_worker()
        later(1, lambda: signal.raise_signal(signal.SIGTERM))
        with logged_events():
            await worker.lifecycle.run()

        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


@virtual_time
async def test_the_worker_says_that_it_polls_and_then_that_it_drains() -> None:
    worker = a_worker(job_seconds=30)
    worker.queue.send("{}")
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        seen.append((worker.consumer.status().is_polling, worker.lifecycle.is_draining))

    look()
    later(1, look)
    later(2, lambda: signal.raise_signal(signal.SIGTERM))
    later(3, look)
    with logged_events():
        await worker.lifecycle.run()

    assert seen == [(False, False), (True, False), (False, True)]
