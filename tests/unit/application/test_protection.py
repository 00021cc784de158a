"""When the platform is asked to keep this worker, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from tests.fakes.protection import FakeProtection
from tests.support.events import logged_events
from tests.support.virtual_time import virtual_time
from worker.application.consuming.protection import PROTECTED_MINUTES, ProtectionKeeper
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event


class Scene:
    """A keeper that runs, and the number of jobs as a test sets it."""

    def __init__(self) -> None:
        self.protection = FakeProtection()
        self.keeper = ProtectionKeeper(self.protection)
        self._running: list[ExitStack] = []

    @property
    def jobs(self) -> int:
        return len(self._running)

    @jobs.setter
    def jobs(self, count: int) -> None:
        while len(self._running) < count:
            job = ExitStack()
            job.enter_context(self.keeper.over_job())
            self._running.append(job)
        while len(self._running) > count:
            self._running.pop().close()

    @property
    def calls(self) -> list[str]:
        return [call for call, _ in self.protection.calls]


@asynccontextmanager
async def a_scene() -> AsyncIterator[Scene]:
    scene = Scene()
    task = asyncio.create_task(scene.keeper.run())
    try:
        yield scene
        assert not task.done()
    finally:
        scene.jobs = 0
        task.cancel()
        await asyncio.wait([task])


@virtual_time
async def test_an_idle_worker_asks_for_nothing() -> None:
    async with a_scene() as scene:
        await asyncio.sleep(3600)
        assert scene.calls == []


@virtual_time
async def test_protection_is_on_while_jobs_run_and_off_soon_after() -> None:
    async with a_scene() as scene:
        with logged_events() as logged:
            await asyncio.sleep(1.5)
            scene.jobs = 2
            await asyncio.sleep(0.001)
            assert scene.protection.is_protected
            scene.jobs = 1
            await asyncio.sleep(60)
            assert scene.protection.is_protected
            scene.jobs = 0
            await asyncio.sleep(10)
            assert not scene.protection.is_protected
        assert scene.calls == ["protect", "release"]
        assert logged.one(Event.PROTECTION_ENABLED)
        assert logged.one(Event.PROTECTION_RELEASED)


@virtual_time
async def test_it_is_renewed_before_half_of_it_is_over() -> None:
    async with a_scene() as scene:
        scene.jobs = 1
        with logged_events() as logged:
            for _ in range(3 * 60):
                await asyncio.sleep(60)
                assert scene.protection.is_protected
        times = [at for _, at in scene.protection.calls]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < PROTECTED_MINUTES * 60 / 2
        assert len(times) <= 8
        assert len(logged.of(Event.PROTECTION_ENABLED)) == 1


@virtual_time
async def test_short_jobs_with_pauses_do_not_switch_it_on_and_off() -> None:
    async with a_scene() as scene:
        for _ in range(100):
            scene.jobs = 1
            await asyncio.sleep(2)
            scene.jobs = 0
            await asyncio.sleep(3)
        assert scene.calls == ["protect"]


@virtual_time
async def test_a_refusal_is_logged_once_a_streak_and_asked_again_until_it_is_granted() -> None:
    async with a_scene() as scene:
        scene.protection.is_refusing = True
        scene.jobs = 1
        with logged_events() as logged:
            await asyncio.sleep(300)
            assert logged.one(Event.PROTECTION_REFUSED)["reason"] == "ECS refused: DEPLOYMENT_BLOCKED"
            assert 5 <= len(scene.calls) <= 12
            scene.protection.is_refusing = False
            await asyncio.sleep(40)
            assert scene.protection.is_protected
            assert logged.one(Event.PROTECTION_ENABLED)


@virtual_time
async def test_a_renewal_that_fails_is_tried_again_long_before_the_protection_ends() -> None:
    async with a_scene() as scene:
        scene.jobs = 1
        await asyncio.sleep(1500 - 5)
        scene.protection.refusals = [DependencyUnavailableError("ECS")] * 10
        for _ in range(60):
            await asyncio.sleep(60)
            assert scene.protection.is_protected


@virtual_time
async def test_a_release_that_fails_is_tried_again_and_holds_up_no_new_protection() -> None:
    async with a_scene() as scene:
        scene.jobs = 1
        await asyncio.sleep(2)
        scene.jobs = 0
        scene.protection.refusals = [DependencyUnavailableError("ECS")]
        await asyncio.sleep(8)
        assert scene.calls == ["protect", "release"]
        scene.jobs = 1
        await asyncio.sleep(2)
        assert scene.calls == ["protect", "release", "protect"]
        scene.jobs = 0
        await asyncio.sleep(40)
        assert not scene.protection.is_protected


@virtual_time
async def test_a_bug_in_asking_ends_nothing() -> None:
    async with a_scene() as scene:
        scene.protection.refusals = [RuntimeError()]
        scene.jobs = 1
        with logged_events() as logged:
            await asyncio.sleep(40)
        assert logged.one(Event.PROTECTION_REFUSED)["reason"] == "RuntimeError"
        assert scene.protection.is_protected
