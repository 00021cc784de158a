"""Several queues as one: the more urgent are asked first, and no other is left out for long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import Delivery, JobQueue

# A queue that so many receives in a row did not reach, because a more urgent one had messages, is asked first.
_MOST_PASSED_OVER = 9


class PriorityQueues:
    """A `JobQueue` over the `queues`, the most urgent first. A delivery is settled on the queue that it came from.

    Each receive asks one queue after the other, without waiting, until one has messages: a less urgent queue is
    reached only where the more urgent ones had nothing, or where it was passed over nine times. Where none has
    anything, the most urgent that answered is waited for, and the others are asked again after that.
    A queue that fails is logged once until it answers again. Only where all fail does a receive fail.
    """

    def __init__(self, queues: Sequence[JobQueue]) -> None:
        self._queues = queues
        self._passed_over = [0] * len(queues)
        self._streaks = [FailureStreak() for _ in queues]  # while another queue answered: these are logged here
        self._failures = [0] * len(queues)

    @property
    def failures(self) -> Sequence[int]:
        """How often in a row each queue has failed when it was asked, the most urgent first. Safe from any thread."""
        return tuple(self._failures)

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        failures: dict[int, DependencyUnavailableError] = {}
        deliveries: Sequence[Delivery] = ()
        asked: list[int] = []
        for priority in self._order():
            asked.append(priority)
            try:
                deliveries = await self._receive(priority, slots, is_long=False)
            except DependencyUnavailableError as error:  # the others may be there
                failures[priority] = error
            if deliveries:
                break
        self._reached(asked)
        for priority in asked:
            self._failures[priority] = self._failures[priority] + 1 if priority in failures else 0
        answered = [priority for priority in asked if priority not in failures]
        if not answered:
            raise failures[min(failures)]
        self._log_changes(answered, failures)
        if deliveries or not is_long:
            return deliveries or ()
        return await self._receive(min(answered), slots, is_long=True)

    async def depth(self) -> int:
        return sum([await queue.depth() for queue in self._queues])

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        priorities = sorted({delivery.priority for delivery in deliveries})
        of_each = [[delivery for delivery in deliveries if delivery.priority == each] for each in priorities]
        calls = (self._extend(each, those, seconds) for each, those in zip(priorities, of_each, strict=True))
        results = {each: iter(those) for each, those in zip(priorities, await asyncio.gather(*calls), strict=True)}
        return [next(results[delivery.priority]) for delivery in deliveries]

    async def ack(self, delivery: Delivery) -> None:
        await self._queues[delivery.priority].ack(delivery)

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await self._queues[delivery.priority].change_visibility(delivery, seconds)

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        return await self._queues[delivery.priority].reject(delivery, rejection)

    def _order(self) -> Sequence[int]:
        starved = [each for each, times in enumerate(self._passed_over) if times >= _MOST_PASSED_OVER]
        return [*starved, *(each for each in range(len(self._queues)) if each not in starved)]

    def _reached(self, asked: Sequence[int]) -> None:
        self._passed_over = [0 if each in asked else times + 1 for each, times in enumerate(self._passed_over)]

    def _log_changes(self, answered: Sequence[int], failures: Mapping[int, DependencyUnavailableError]) -> None:
        """Log the first failure of a queue while others answer, and the first answer after it."""
        at = asyncio.get_running_loop().time()
        for priority, error in failures.items():
            if self._streaks[priority].add(at):
                emit(Event.POLL_FAILED, error=f"queue {priority + 1} of {len(self._queues)}: {error}")
        for priority in answered:
            streak = self._streaks[priority]
            if streak.failures:
                emit(Event.POLL_RECOVERED, outage_seconds=round(at - streak.began_at, 3), failures=streak.failures)
            streak.end()

    async def _receive(self, priority: int, slots: int, *, is_long: bool) -> Sequence[Delivery]:
        taken = await self._queues[priority].receive(slots, is_long=is_long)
        return [replace(delivery, priority=priority) for delivery in taken]

    async def _extend(
        self, priority: int, deliveries: Sequence[Delivery], seconds: float
    ) -> Sequence[WorkerError | None]:
        """Extend on one queue. Its outage becomes the result of its own deliveries, and does not touch the others."""
        try:
            return await self._queues[priority].extend(deliveries, seconds)
        except DependencyUnavailableError as error:
            return [error] * len(deliveries)
