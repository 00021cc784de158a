"""The messages of a job: each is delivered until it is deleted, and dead letters come back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.simulation.progress.schedule import WELL, WORKERS, Duplicate
from worker.domain.progress import Status

if TYPE_CHECKING:
    from tests.simulation.progress.world import World

_FIRST_FENCE = 1_795_000_000_000_000
_FENCES_OF_A_MESSAGE = 100  # a later message has a higher fence, however often the one before was received
_SECONDS_AFTER_A_CRASH = 1.0


class Messages:
    """The messages of one job. `letters` has the run of each dead letter: one for each delivery that was rejected."""

    def __init__(self, world: World, number: int) -> None:
        self.job_id = f"job-{number}"
        self.letters: list[int] = []
        duplicates = [each for each in world.schedule.events if isinstance(each, Duplicate) and each.job == number]
        self._left = 1 + len(duplicates)
        self._are_deleted = asyncio.Event()
        self._world = world
        self._scripts = world.schedule.scripts[number]
        self._deliveries = 0
        self._receives = 0

    async def wait_until_deleted(self) -> None:
        await self._are_deleted.wait()

    def send_back(self, to: str) -> None:
        """Move the newest dead letter back, if there is one, and leave a copy."""
        if self.letters:
            run = self.letters[-1]
            self._world.checker.run_is_asked_for(self.job_id, run + 1)
            self._send(to, run)

    async def send(self, *_: str, **__: Any) -> str:
        """Send another message of the job, as `worker retry` does."""
        await asyncio.sleep(0)
        self._send(self._world.rng.choice(WORKERS), None)
        return self.job_id

    def _send(self, to: str, rejected_run: int | None) -> None:
        self._left += 1
        self._are_deleted.clear()
        self._receives += _FENCES_OF_A_MESSAGE
        self.deliver(to, rejected_run=rejected_run)

    def deliver(self, to: str, is_tie: bool = False, rejected_run: int | None = None) -> None:
        """Deliver a message to a worker. With `is_tie` its fence is that of the last delivery."""
        script = self._scripts[self._deliveries] if self._deliveries < len(self._scripts) else WELL
        self._deliveries += 1
        self._receives += not is_tie
        fence = _FIRST_FENCE + self._receives
        worker = self._world.workers[to]
        name = f"{self.job_id} on {worker.name}"
        task = worker.start(worker.handle(self.job_id, fence, script, rejected_run), name)
        task.add_done_callback(lambda task: self._ended(task, is_tie, rejected_run))

    def _ended(self, task: asyncio.Task[float | None], is_tie: bool, rejected_run: int | None) -> None:
        delay = _SECONDS_AFTER_A_CRASH if task.cancelled() else task.result()
        if delay is not None:
            self._world.loop.call_later(delay, self.deliver, self._world.rng.choice(WORKERS), is_tie, rejected_run)
            return
        record = self._world.table.held[self.job_id]
        if record.status is Status.FAILED:
            self.letters.append(record.run)
        self._left -= 1
        if self._left == 0:
            self._are_deleted.set()
