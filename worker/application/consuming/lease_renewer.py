"""Renewals of leases: one task for all of them, in batches."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from worker import metrics
from worker.application.consuming.lease import Lease
from worker.application.consuming.work import Work
from worker.domain.backoff import Backoff
from worker.domain.errors import ConversionTimeoutError, LeaseLostError
from worker.events import Event, emit
from worker.ports import MAX_BATCH_ENTRIES, Delivery, JobQueue, ReceiptExpiredError
from worker.waiting import wait_for_event_until

_RETRY = Backoff(first_seconds=0.5, factor=2, cap_seconds=5, floor=0.5)


@dataclass(eq=False, slots=True)
class _Renewal:
    """The renewal of one lease. `due` is in the heap too; an entry with another value is out of date."""

    work: Work
    due: float
    failures: int = 0
    call: asyncio.Task[None] | None = None

    @property
    def lease(self) -> Lease:
        return self.work.lease


class LeaseRenewer:
    """Renews all leases, from a heap of due times, in batches, at a third of their length.

    A transient failure is tried again until a margin before the lease ends; then, or at once for a dead receipt
    handle, the work is stopped. `random` gives numbers in [0, 1).
    """

    def __init__(self, queue: JobQueue, *, lease_seconds: float, random: Callable[[], float]) -> None:
        self._queue = queue
        self._lease_seconds = lease_seconds
        self._random = random
        self._margin_seconds = min(5.0, lease_seconds / 6)
        self._call_seconds = min(10.0, lease_seconds / 6)
        self._window_seconds = lease_seconds / 12  # a renewal that is due this soon goes along with the present batch
        self._renewals: dict[Lease, _Renewal] = {}
        self._failing: set[_Renewal] = set()
        self._heap: list[tuple[float, int, _Renewal]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()

    def new_lease(self, delivery: Delivery) -> Lease:
        """The lease of a delivery that was just received."""
        return Lease(delivery, lease_seconds=self._lease_seconds)

    @asynccontextmanager
    async def renewing(self, work: Work) -> AsyncIterator[None]:
        """Inside, the lease is renewed, and the work is stopped where that fails.

        A delivery that came while the process was frozen may be too old when it is read. It is stopped before it
        begins: a claim would count as a start. At the end of the `with`, no renewal is in flight any more.
        """
        lease = work.lease
        self._renewals[lease] = renewal = _Renewal(work, math.inf)
        if self._stop_unless_renewable(renewal, asyncio.get_running_loop().time()):
            self._schedule(renewal, self._next_turn(lease.delivery.received_at))
        try:
            yield
        finally:
            lease.end()
            self._forget(renewal)
            if renewal.call is not None:  # a late extension would hide again what the settlement gives back
                await asyncio.wait([renewal.call])

    async def run(self) -> None:
        """Renew for ever."""
        async with asyncio.TaskGroup() as calls:
            while True:
                await self._sleep_until_due()
                batch = self._due_batch()
                if batch:
                    call = calls.create_task(self._renew(batch), name="renewal")
                    for renewal in batch:
                        renewal.call = call

    async def _sleep_until_due(self) -> None:
        self._wake.clear()
        await wait_for_event_until(self._wake, self._heap[0][0] if self._heap else None)

    def _due_batch(self) -> list[_Renewal]:
        """Remove from the heap what is due now, and what soon will be, up to ten."""
        now = asyncio.get_running_loop().time()
        batch: list[_Renewal] = []
        while self._heap and len(batch) < MAX_BATCH_ENTRIES:
            due, _, renewal = self._heap[0]
            if due > now + (self._window_seconds if batch else 0.0):
                break
            heappop(self._heap)
            if renewal.due == due and self._stop_unless_renewable(renewal, now):
                batch.append(renewal)
        return batch

    def _stop_unless_renewable(self, renewal: _Renewal, now: float) -> bool:
        """Stop the work where no renewal can help. Returns whether one can."""
        renewal.due = math.inf
        lease = renewal.lease
        if now >= lease.deadline - self._margin_seconds:
            self._lose(renewal.work, "the lease could not be renewed in time")
            return False
        if now + self._lease_seconds > lease.in_flight_until:
            # Now, while two thirds of a lease are left to settle in.
            renewal.work.stop(ConversionTimeoutError(now - lease.delivery.received_at))
            return False
        return True

    async def _renew(self, batch: Sequence[_Renewal]) -> None:
        began = asyncio.get_running_loop().time()
        deliveries = [renewal.lease.delivery for renewal in batch]
        give_up = min(renewal.lease.deadline for renewal in batch) - self._margin_seconds
        results: Sequence[Exception | None]
        try:
            async with asyncio.timeout_at(min(began + self._call_seconds, give_up)):
                results = await self._queue.extend(deliveries, self._lease_seconds)
        except Exception as exc:  # noqa: BLE001 - the leases have time left, and the renewal is tried again
            results = [exc] * len(batch)
        for renewal, delivery, result in zip(batch, deliveries, results, strict=True):
            renewal.call = None
            self._conclude(renewal, delivery, result, began)

    def _conclude(self, renewal: _Renewal, delivery: Delivery, result: Exception | None, began: float) -> None:
        lease = renewal.lease
        match result:
            case None:
                metrics.LEASE_RENEWALS.labels(outcome="renewed").inc()
                metrics.LEASE_MARGIN.observe(lease.deadline - began)
                lease.extended(began + self._lease_seconds)
                renewal.failures = 0
                self._failing.discard(renewal)
                self._schedule(renewal, self._next_turn(began))
            case ReceiptExpiredError() if lease.delivery is delivery:
                self._lose(renewal.work, "the receipt handle is dead")
            case ReceiptExpiredError():  # that of a delivery which a newer one has replaced meanwhile
                self._schedule(renewal, self._next_turn(lease.delivery.received_at))
            case _:
                self._schedule_retry(renewal, result)

    def _schedule_retry(self, renewal: _Renewal, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        metrics.LEASE_RENEWALS.labels(outcome="failed").inc()
        renewal.failures += 1
        if not self._failing and renewal.lease in self._renewals:
            fields = {
                "message_id": renewal.lease.delivery.message_id,
                **renewal.work.log_fields,
                "error": str(error) or type(error).__name__,
                "remaining_seconds": round(renewal.lease.deadline - now, 3),
            }
            emit(Event.LEASE_RENEWAL_FAILED, **fields)
        give_up = renewal.lease.deadline - self._margin_seconds
        self._schedule(renewal, min(give_up, now + _RETRY.delay(renewal.failures, self._random())))
        if renewal.lease in self._renewals:
            self._failing.add(renewal)

    @staticmethod
    def _lose(work: Work, reason: str) -> None:
        metrics.LEASE_RENEWALS.labels(outcome="lost").inc()
        work.stop(LeaseLostError(reason))

    def _next_turn(self, granted_at: float) -> float:
        """At a third of the lease, and up to a quarter of that earlier, so that workers do not renew in step."""
        return granted_at + self._lease_seconds / 3 * (1 - self._random() / 4)

    def _schedule(self, renewal: _Renewal, due: float) -> None:
        if renewal.lease not in self._renewals:
            return
        renewal.due = due
        if not self._heap or due < self._heap[0][0]:
            self._wake.set()
        heappush(self._heap, (due, next(self._order), renewal))

    def _forget(self, renewal: _Renewal) -> None:
        renewal.due = math.inf
        del self._renewals[renewal.lease]
        self._failing.discard(renewal)
        if len(self._heap) > 2 * len(self._renewals) + 64:  # most entries are of jobs that have ended
            self._heap = [entry for entry in self._heap if entry[0] == entry[2].due]
            heapify(self._heap)
