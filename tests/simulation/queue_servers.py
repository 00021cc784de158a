"""The queue and DynamoDB of a simulated fleet, watched by the checker."""

from __future__ import annotations

import asyncio

from tests.fakes.queue import FakeQueue
from tests.fakes.stores import FakeJobTable
from tests.simulation.queue_checker import Checker
from tests.simulation.queue_schedule import LEASE_SECONDS
from worker.domain.progress import Record, Version
from worker.ports import Conflict, Delivery, WriteResult, Written

POLL_SECONDS = 8.0


class QueueServer(FakeQueue):
    """SQS, watched by the checker."""

    def __init__(self, checker: Checker, in_flight_limit: int | None) -> None:
        super().__init__(visibility_seconds=LEASE_SECONDS, wait_seconds=POLL_SECONDS, in_flight_limit=in_flight_limit)
        self._changed = self._waiters = _Waiters()  # type: ignore[assignment]
        self._checker = checker

    async def _enter(self, call: str) -> None:
        self.calls[call] += 1  # the way here has been a suspension already

    async def _wait_for_change(self, until: float) -> None:
        await self._waiters.wait(self._next_lapse(until))

    def _remove(self, delivery: Delivery, how: str) -> None:
        super()._remove(delivery, how)
        self._checker.message_deleted(delivery, how)


class _Waiters:
    """Stands where an asyncio.Event would, for waiters on the loops of several processes."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def set(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            wake(waiter)

    async def wait(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_at(until, wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()


def wake(waiter: asyncio.Future[None]) -> None:
    """Let it go on, unless it has been cancelled."""
    if not waiter.done():
        waiter.set_result(None)


class JobTableServer(FakeJobTable):
    """DynamoDB, watched by the checker."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def _keep(self, record: Record) -> None:
        before = self.held.get(record.job_id)
        super()._keep(record)
        self._checker.record_kept(before, record)

    def put(self, record: Record) -> WriteResult:
        outcome = super().put(record)
        if outcome is not WriteResult.STALE:
            self._checker.confirmed(record)
        return outcome

    def put_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result = super().put_if_unchanged(record, seen)
        if isinstance(result, Written):
            self._checker.confirmed(record)
        return result

    def put_cancel_request(self, job_id: str) -> bool:
        is_left = super().put_cancel_request(job_id)
        if is_left:
            self._checker.cancel_requested(job_id)
        return is_left
