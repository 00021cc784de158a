"""A running lease renewer, over a queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.queue import FakeQueue, Faults
from tests.support.consuming import Until
from worker.application.consuming.execution import Execution
from worker.application.consuming.lease import Lease
from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.work import Work
from worker.domain.errors import DependencyUnavailableError, WorkerError

LEASE = 60.0
OUTAGE = DependencyUnavailableError("SQS")


class SlowExtend(Faults):
    """Faults by which renewals are done at once and answered late."""

    def __init__(self, *, after_seconds: float) -> None:
        self._seconds = after_seconds

    async def after(self, call: str) -> None:
        if call == "extend":
            await asyncio.sleep(self._seconds)


@asynccontextmanager
async def a_renewer(queue: FakeQueue, *, random: float = 0.0) -> AsyncIterator[LeaseRenewer]:
    """A renewer that runs inside the `with`."""
    renewer = LeaseRenewer(queue, lease_seconds=LEASE, random=lambda: random)
    task = asyncio.create_task(renewer.run(), name="renewer")
    try:
        yield renewer
    finally:
        task.cancel()
        await asyncio.wait([task])


async def received_work(queue: FakeQueue, count: int = 1) -> list[Work]:
    """Work on messages that have just been received."""
    for _ in range(count):
        queue.send("{}")
    works: list[Work] = []
    while len(works) < count:
        works += [Work(Lease(delivery, lease_seconds=LEASE)) for delivery in await queue.receive(10)]
    return works


async def ended(work: Work) -> WorkerError:
    """Wait for what stops a job that would run for ever, and return it."""
    execution = Execution()
    with pytest.raises(WorkerError) as stopped, work.running(execution, Until()):
        await execution.run(asyncio.Event().wait(), name="job")
    return stopped.value
