"""Receives for free slots, has each delivery handled and settled, and drains when it is stopped."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from structlog.contextvars import bound_contextvars

from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.pause import Pause
from worker.application.consuming.poller import Poller
from worker.application.consuming.run_limits import UNLIMITED, RunLimits, Taken
from worker.application.consuming.settlement import Settlement
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.domain.disposition import RETRY_BACKOFF, Disposition, Release, Retry
from worker.domain.errors import ShutdownError
from worker.events import Event, emit
from worker.ports import MAX_BATCH_ENTRIES, Delivery
from worker.waiting import wait_for_event, wait_for_event_until

_GATHER_SECONDS = 0.05
_BUSY_SECONDS = 5.0  # the delay of a message that comes while its last delivery is being settled
_DRAIN_TURN_SECONDS = 1.0


class Handler(Protocol):
    """Does what a delivery asks for."""

    async def handle(self, work: Work) -> Disposition:
        """Say how the delivery ends. Raises nothing but CancelledError; anything else is a bug."""


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """A consumer at one moment: what `/health`, `/metrics`, the heartbeat and `worker.stopped` are made from."""

    jobs: int
    slots: int
    is_polling: bool  # from the first poll until the drain begins
    is_draining: bool
    is_alive: bool  # the poll loop has not ended by itself
    poll_age_seconds: float
    poll_failures: int
    settled: Mapping[str, int]  # by disposition
    pause: Pause | None = None  # nothing is received for the moment
    youngest_sent_at_ms: int | None = None  # of the messages that have come so far (epoch)


class Consumer:
    """The poll loop and its jobs, one task a delivery.

    A slot is free again when handling has ended: settling one delivery and receiving the next overlap.
    """

    def __init__(
        self,
        poller: Poller,
        handler: Handler,
        renewer: LeaseRenewer,
        settlement: Settlement,
        slots: Slots,
        *,
        random: Callable[[], float],
    ) -> None:
        self._poller = poller
        self._handler = handler
        self._renewer = renewer
        self._settlement = settlement
        self._slots = slots
        self._concurrency = slots.concurrency
        self._random = random
        self._stopping = asyncio.Event()
        self._limits = UNLIMITED
        self._hidden_until = -math.inf
        self._jobs_until = math.inf
        self._changed = slots.changed  # set by a slot, a settlement or a signal: waiters test their conditions again
        self._works: dict[str, Work] = {}  # by message id, from the receive until settled
        self._handling: set[Work] = set()
        self._unsettled = 0
        self._tasks = asyncio.TaskGroup()
        self._poll_loop: asyncio.Task[None] | None = None

    def status(self) -> ConsumerStatus:
        """A snapshot; safe from any thread."""
        return ConsumerStatus(
            jobs=len(self._handling),
            slots=self._concurrency,
            is_polling=self._poller.begun.is_set() and not self._stopping.is_set(),
            is_draining=self._stopping.is_set(),
            is_alive=self._poll_loop is None or not self._poll_loop.done() or self._stopping.is_set(),
            poll_age_seconds=self._poller.age_seconds,
            poll_failures=self._poller.failures,
            settled=dict(self._settlement.counts),
            pause=self._poller.pause,
            youngest_sent_at_ms=self._poller.youngest_sent_at_ms,
        )

    def stop(self, *, jobs_until: float, settle_until: float) -> None:
        """Receive nothing more. Both arguments are loop times.

        Running jobs may go on until `jobs_until`, and messages may be given back until `settle_until`. A second call
        replaces both times. Returns at once; `run` returns when everything is settled.
        """
        self._jobs_until = jobs_until
        self._settlement.until = settle_until
        self._stopping.set()
        self._poller.stop()
        self._slots.close()
        self._changed.set()

    async def first_poll(self) -> None:
        """Wait until queue and job table have answered and messages are polled."""
        await self._poller.begun.wait()

    async def run(self, limits: RunLimits = UNLIMITED) -> None:
        """Consume until `stop`, or until one of the limits is reached, then drain.

        Cancelled, it gives everything back first.
        """
        self._limits = limits
        async with self._tasks:
            self._poll_loop = self._tasks.create_task(self._poll(), name="poll loop")
            watch = self._tasks.create_task(self._poller.watch_dependencies(), name="dependencies")
            await self._stopping.wait()
            await self._drain(self._poll_loop)
            watch.cancel()

    # --- receiving -----------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        is_backlog = False
        while not self._stopping.is_set():
            slots = await self._free_slots(is_backlog=is_backlog)
            if slots < 1:  # reserved or left free since there was one
                continue
            deliveries = await self._poller.receive(slots)
            is_backlog = len(deliveries) >= slots
            for delivery in deliveries:
                self._accept(delivery)
            self._stop_at_limits()

    async def _free_slots(self, *, is_backlog: bool) -> int:
        """Wait for a free slot. With a backlog and many slots, wait a moment for more: each receive costs money."""
        await self._until(lambda: self._free >= 1)
        if is_backlog:
            enough = max(1, min(MAX_BATCH_ENTRIES, self._concurrency // 4))
            deadline = asyncio.get_running_loop().time() + _GATHER_SECONDS
            await self._until(lambda: self._free >= enough, deadline)
        return min(self._free, MAX_BATCH_ENTRIES)

    @property
    def _free(self) -> int:
        """Slots in which nothing is handled; fewer when settlements pile up because the queue fails.

        0 while a suspect runs alone, or waits until it can, and while slots are left free. Not more than the limits
        leave.
        """
        if self._slots.is_reserved or self._slots.are_left_free:
            return 0
        free = min(self._concurrency - len(self._handling), self._concurrency + MAX_BATCH_ENTRIES - self._unsettled)
        left = self._limits.left(self._taken()) if self._limits.are_set else None
        return free if left is None else min(free, left)

    async def _until(self, is_so: Callable[[], bool], deadline: float | None = None) -> None:
        while not is_so() and not self._stopping.is_set():
            self._changed.clear()
            if not await wait_for_event_until(self._changed, deadline):
                return

    def _accept(self, delivery: Delivery) -> None:
        """Start what was received, unless it is running here already or we stop."""
        running = self._works.get(delivery.message_id)
        if running is not None and running.lease.adopt(delivery):
            return
        work = Work(self._renewer.new_lease(delivery))
        if running is not None:
            self._spawn(work, self._settlement.settle(work.lease, Retry(_BUSY_SECONDS)))
        elif self._stopping.is_set():
            self._spawn(work, self._settlement.settle(work.lease, Release()))
        else:
            self._works[delivery.message_id] = work
            self._handling.add(work)
            self._slots.spare.hold(len(self._handling))
            self._spawn(work, self._process(work))

    def _spawn(self, work: Work, body: Coroutine[Any, Any, None]) -> None:
        self._unsettled += 1
        task = self._tasks.create_task(body, name=work.delivery.message_id)
        task.add_done_callback(partial(self._ended, work))

    def _ended(self, work: Work, _: asyncio.Task[None]) -> None:
        message_id = work.delivery.message_id
        if self._works.get(message_id) is work:
            del self._works[message_id]
        self._handling.discard(work)
        self._slots.spare.hold(len(self._handling))
        self._unsettled -= 1
        self._changed.set()
        self._stop_at_limits()

    # --- one delivery --------------------------------------------------------------------------------------------

    async def _process(self, work: Work) -> None:
        disposition: Disposition = Release()  # for a handling that is cut off by a cancellation
        try:
            async with self._renewer.renewing(work):
                disposition = await self._handle(work)
        finally:
            self._handling.discard(work)
            self._slots.spare.hold(len(self._handling))
            self._changed.set()
            if isinstance(disposition, Retry):
                visible_at = asyncio.get_running_loop().time() + disposition.delay_seconds
                self._hidden_until = max(self._hidden_until, visible_at)
            with bound_contextvars(**work.trace_fields):
                await self._settlement.settle(work.lease, disposition)

    async def _handle(self, work: Work) -> Disposition:
        try:
            return await self._handler.handle(work)
        except Exception as exc:  # noqa: BLE001 - a bug that one message meets must not end the other jobs
            delivery = work.delivery
            emit(Event.HANDLER_CRASHED, message_id=delivery.message_id, exception=exc)
            return Retry(RETRY_BACKOFF.delay(delivery.receive_count, self._random()))

    # --- the limits ----------------------------------------------------------------------------------------------

    def _taken(self) -> Taken:
        counts = self._settlement.counts
        return Taken(
            ended=counts["ack"] + counts["reject"],
            in_hand=self._unsettled,
            empty_since=self._poller.empty_since,
            hidden_until=self._hidden_until,
        )

    def _stop_at_limits(self) -> None:
        """Stop where a limit is reached. What is in hand may take its time: only a signal bounds the drain."""
        if not self._limits.are_set:
            return
        reached = self._limits.reached(self._taken(), asyncio.get_running_loop().time())
        if reached is not None and not self._stopping.is_set():
            emit(Event.WORKER_FINISHED, reason=reached.value, messages=self._taken().ended)
            self.stop(jobs_until=math.inf, settle_until=math.inf)

    # --- the end -------------------------------------------------------------------------------------------------

    async def _drain(self, poll: asyncio.Task[None]) -> None:
        """Wait for the open poll; then stop the jobs that cannot end by `jobs_until`. At that time stop the others.

        In this order: a message that is given back while our own poll is open comes straight back to us.
        """
        poll.add_done_callback(lambda _: self._changed.set())
        loop = asyncio.get_running_loop()
        while not poll.done() or self._unsettled:
            is_over = loop.time() >= self._jobs_until
            if is_over:
                poll.cancel()  # what it was about to bring comes back when its lease ends
            if is_over or poll.done():
                self._stop_jobs(loop.time())
            self._changed.clear()
            await wait_for_event(self._changed, _DRAIN_TURN_SECONDS if is_over else self._drain_turn(loop.time()))

    def _drain_turn(self, now: float) -> float:
        return min(_DRAIN_TURN_SECONDS, self._jobs_until - now)

    def _stop_jobs(self, now: float) -> None:
        """End the jobs whose own estimate does not fit, and, when the time is over, those without one too."""
        for work in self._handling:
            remaining = work.remaining_seconds
            if now >= self._jobs_until or (remaining is not None and now + remaining > self._jobs_until):
                work.stop(ShutdownError(max(0.0, self._settlement.until - now)))
