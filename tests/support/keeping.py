"""A keeper of leases at work over a queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.queue import FakeQueue, Faults
from worker.application.consuming.lease import Lease, LeaseKeeper
from worker.domain.errors import DependencyUnavailableError, WorkerError

LEASE = 60.0
OUTAGE = DependencyUnavailableError("SQS")


class SlowExtend(Faults):
    """Renewals are done at once and answered late."""

    def __init__(self, *, after_seconds: float) -> None:
        self._seconds = after_seconds

    async def after(self, call: str) -> None:
        if call == "extend":
            await asyncio.sleep(self._seconds)


@asynccontextmanager
async def a_keeper(queue: FakeQueue, *, random: float = 0.0) -> AsyncIterator[LeaseKeeper]:
    """A keeper that runs inside."""
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: random)
    task = asyncio.create_task(keeper.run(), name="keeper")
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.wait([task])


async def a_received(queue: FakeQueue, count: int = 1) -> list[Lease]:
    for _ in range(count):
        queue.send("{}")
    leases: list[Lease] = []
    while len(leases) < count:
        leases += [Lease(delivery, lease_seconds=LEASE) for delivery in await queue.receive(10)]
    return leases


async def ended(lease: Lease) -> WorkerError:
    """Wait for what stops a job that would run for ever."""
    with pytest.raises(WorkerError) as stopped:
        await lease.execution.run(asyncio.Event().wait(), name="job")
    return stopped.value
