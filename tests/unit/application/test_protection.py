"""When the platform is asked to keep this worker, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from tests.fakes.protection import FakeProtection
from tests.fakes.queue import FakeQueue
from tests.support.consuming import at_work
from tests.support.events import logged_events
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.protection import PROTECTED_MINUTES, ProtectionController
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event


class Subject:
    """A running controller, and the number of jobs that a test sets."""

    def __init__(self) -> None:
        self.protection = FakeProtection()
        self.slots = Slots(2)
        self.controller = ProtectionController(self.protection, self.slots)
        self._running: list[ExitStack] = []

    @property
    def jobs(self) -> int:
        return len(self._running)

    @jobs.setter
    def jobs(self, count: int) -> None:
        while len(self._running) < count:
            job = ExitStack()
            job.enter_context(self.controller.protected_job())
            self._running.append(job)
        while len(self._running) > count:
            self._running.pop().close()

    @property
    def calls(self) -> list[str]:
        return [call for call, _ in self.protection.calls]


@asynccontextmanager
async def a_subject() -> AsyncIterator[Subject]:
    subject = Subject()
    task = asyncio.create_task(subject.controller.run())
    try:
        yield subject
        assert not task.done()
    finally:
        subject.jobs = 0
        task.cancel()
        await asyncio.wait([task])


@virtual_time
async def test_an_idle_worker_asks_for_nothing() -> None:
    async with a_subject() as subject:
        await asyncio.sleep(3600)
        assert subject.calls == []


@virtual_time
async def test_protection_is_on_while_jobs_run_and_off_soon_after() -> None:
    async with a_subject() as subject:
        with logged_events() as logged:
            await asyncio.sleep(1.5)
            subject.jobs = 2
            await asyncio.sleep(0.001)
            assert subject.protection.is_protected
            subject.jobs = 1
            await asyncio.sleep(60)
            assert subject.protection.is_protected
            subject.jobs = 0
            await asyncio.sleep(10)
            assert not subject.protection.is_protected
        assert subject.calls == ["protect", "release"]
        assert logged.one(Event.PROTECTION_ENABLED)
        assert logged.one(Event.PROTECTION_RELEASED)


@virtual_time
async def test_it_is_renewed_before_half_of_it_is_over() -> None:
    async with a_subject() as subject:
        subject.jobs = 1
        with logged_events() as logged:
            for _ in range(3 * 60):
                await asyncio.sleep(60)
                assert subject.protection.is_protected
        times = [at for _, at in subject.protection.calls]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < PROTECTED_MINUTES * 60 / 2
        assert len(times) <= 8
        assert len(logged.of(Event.PROTECTION_ENABLED)) == 1


@virtual_time
async def test_short_jobs_with_pauses_do_not_switch_it_on_and_off() -> None:
    async with a_subject() as subject:
        for _ in range(100):
            subject.jobs = 1
            await asyncio.sleep(2)
            subject.jobs = 0
            await asyncio.sleep(3)
        assert subject.calls == ["protect"]


@virtual_time
async def test_a_refusal_is_logged_once_a_streak_and_asked_again_until_it_is_granted() -> None:
    async with a_subject() as subject:
        subject.protection.is_refusing = True
        subject.jobs = 1
        with logged_events() as logged:
            await asyncio.sleep(300)
            assert logged.one(Event.PROTECTION_REFUSED)["error"] == "ECS refused: DEPLOYMENT_BLOCKED"
            assert 5 <= len(subject.calls) <= 12
            subject.protection.is_refusing = False
            await asyncio.sleep(40)
            assert subject.protection.is_protected
            assert logged.one(Event.PROTECTION_ENABLED)


@virtual_time
async def test_a_renewal_that_fails_is_tried_again_long_before_the_protection_ends() -> None:
    async with a_subject() as subject:
        subject.jobs = 1
        await asyncio.sleep(1500 - 5)
        subject.protection.refusals = [DependencyUnavailableError("ECS")] * 10
        for _ in range(60):
            await asyncio.sleep(60)
            assert subject.protection.is_protected


@virtual_time
async def test_a_release_that_fails_is_tried_again_and_holds_up_no_new_protection() -> None:
    async with a_subject() as subject:
        subject.jobs = 1
        await asyncio.sleep(2)
        subject.jobs = 0
        subject.protection.refusals = [DependencyUnavailableError("ECS")]
        await asyncio.sleep(8)
        assert subject.calls == ["protect", "release"]
        subject.jobs = 1
        await asyncio.sleep(2)
        assert subject.calls == ["protect", "release", "protect"]
        subject.jobs = 0
        await asyncio.sleep(40)
        assert not subject.protection.is_protected


@virtual_time
async def test_a_bug_in_asking_ends_nothing() -> None:
    async with a_subject() as subject:
        subject.protection.refusals = [RuntimeError()]
        subject.jobs = 1
        with logged_events() as logged:
            await asyncio.sleep(40)
        assert logged.one(Event.PROTECTION_REFUSED)["error"] == "RuntimeError"
        assert subject.protection.is_protected


@virtual_time
async def test_with_messages_always_waiting_ecs_may_end_the_task_once_every_two_hours_while_it_has_no_job() -> None:
    queue, began = FakeQueue(), now()
    for _ in range(200):
        queue.send("{}")
    lengths = itertools.cycle((400, 610, 230))
    unprotected: list[float] = []
    async with a_subject() as subject:

        async def job(_: Work) -> Disposition:
            with subject.controller.protected_job():
                await asyncio.sleep(next(lengths))
            return Ack()

        async with at_work(queue, job, concurrency=subject.slots) as bench:
            while now() - began < 5 * 3600:
                await asyncio.sleep(1)
                if not subject.protection.is_protected:
                    assert bench.handler.running == 0
                    unprotected.append(now() - began)
            assert len(queue)
            bench.consumer.stop(jobs_until=now(), settle_until=now() + 10)

    breaks = [at for before, at in itertools.pairwise([0.0, *unprotected]) if at - before > 60]
    assert len(breaks) == 2
    assert 7200 <= breaks[0] <= 7200 + 620
    assert 7200 <= breaks[1] - breaks[0] <= 7200 + 30 + 620
    assert 50 <= len(unprotected) <= 62  # seconds, in two breaks


@virtual_time
async def test_a_job_that_runs_for_hours_keeps_its_protection_and_nothing_is_received_beside_it_for_ever() -> None:
    async with a_subject() as subject:
        subject.jobs = 1
        await asyncio.sleep(7190)
        assert not subject.slots.are_left_free
        await asyncio.sleep(20)
        assert subject.slots.are_left_free
        for _ in range(120):
            await asyncio.sleep(60)
            assert subject.protection.is_protected
        subject.jobs = 0
        await asyncio.sleep(2)
        assert not subject.protection.is_protected
        assert subject.slots.are_left_free
        await asyncio.sleep(30)
        assert not subject.slots.are_left_free


@virtual_time
async def test_a_release_that_ecs_refuses_does_not_keep_the_worker_from_receiving() -> None:
    async with a_subject() as subject:
        subject.jobs = 1
        await asyncio.sleep(7210)
        subject.protection.is_refusing = True
        subject.jobs = 0
        await asyncio.sleep(32)
        assert not subject.slots.are_left_free


@virtual_time
async def test_a_worker_that_is_not_protected_does_not_stop_receiving() -> None:
    async with a_subject() as subject:
        subject.protection.is_refusing = True
        subject.jobs = 1
        for _ in range(180):
            await asyncio.sleep(60)
            assert not subject.slots.are_left_free
