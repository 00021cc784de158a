"""A simulated worker's connections to the queue and to DynamoDB, on which faults happen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.core.faults import Fault
from tests.simulation.core.network import Network, pause
from tests.simulation.core.stores import SimulatedJobTable
from tests.simulation.queue.incidents import LEASE_SECONDS
from tests.simulation.queue.invariants import Checker
from tests.simulation.queue.link_faults import PARTIAL, QUEUE
from tests.simulation.queue.servers import JobTableServer, QueueServer
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.progress import Record, Version
from worker.ports import Conflict, Delivery, Written

T = TypeVar("T")


def _unavailable() -> DependencyUnavailableError:
    return DependencyUnavailableError("SQS", "by the schedule")


class QueueClient:
    """The `JobQueue` of one worker."""

    def __init__(
        self, server: QueueServer, network: Network, on_receive: Callable[[int, Sequence[Delivery], float], None]
    ):
        self._server = server
        self._network = network
        self._on_receive = on_receive

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        began_at = asyncio.get_running_loop().time()
        taken = await self._call(lambda _: self._server.receive(slots, is_long=is_long))
        self._on_receive(slots, taken, began_at)
        return [replace(delivery, received_at=began_at) for delivery in taken]

    async def depth(self) -> int:
        return await self._call(lambda _: self._server.depth())

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        return await self._call(lambda fault: self._extend(deliveries, seconds, is_partial=fault is PARTIAL))

    async def ack(self, delivery: Delivery) -> None:
        await self._call(lambda _: self._server.ack(delivery))

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await self._call(lambda _: self._server.change_visibility(delivery, seconds))

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        return await self._call(lambda _: self._server.reject(delivery, rejection))

    async def _extend(
        self, deliveries: Sequence[Delivery], seconds: float, *, is_partial: bool
    ) -> Sequence[WorkerError | None]:
        if not is_partial:
            return await self._server.extend(deliveries, seconds)
        kept = deliveries[: len(deliveries) // 2]
        failed = [_unavailable() for _ in deliveries[len(kept) :]]
        return [*await self._server.extend(kept, seconds), *failed]

    async def _call(self, serve: Callable[[Fault | None], Awaitable[T]]) -> T:
        """What the server answers. Raises DependencyUnavailableError, and never returns where no answer comes."""
        arrives, answered, fault = self._network.passage(QUEUE)
        failure = None if fault is None else fault.failure
        if math.isinf(arrives):
            await self._nothing_for(answered)
            raise _unavailable()
        await pause(arrives)
        self._check_the_connection()
        answer = await serve(fault)
        if answered > arrives:
            await self._nothing_for(answered - arrives)
        self._check_the_connection()
        if failure is not None:
            raise _unavailable()
        return answer

    async def _nothing_for(self, seconds: float) -> None:
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()
        await pause(seconds)

    def _check_the_connection(self) -> None:
        if self._network.is_cut:
            raise _unavailable()


class JobTableClient(SimulatedJobTable):
    """The `JobTable` of one worker. `claims` and `marks` are those that it asked for last, by job id."""

    def __init__(self, server: JobTableServer, network: Network, worker: str, checker: Checker) -> None:
        super().__init__(server, network, LEASE_SECONDS / 3)
        self._loop = network.loop
        self._worker = worker
        self._checker = checker
        self.claims: dict[str, Record] = {}
        self.marks: dict[str, ClaimMark] = {}

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        self.claims[record.job_id], self.marks[record.job_id] = record, mark
        self._checker.known_states.claim_asked(record)
        result: Written | Conflict
        result, at = await self._link.ask(
            lambda: (self._server.put_claim(record, seen, mark, message), self._loop.now)
        )
        if isinstance(result, Conflict):  # the worker now knows the state of that time
            self._checker.known_states.read(self._worker, record.job_id, at)
        return result

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result: Written | Conflict
        result, at = await self._link.ask(lambda: (self._server.put_if_unchanged(record, seen), self._loop.now))
        if isinstance(result, Conflict):
            self._checker.known_states.read(self._worker, record.job_id, at)
        return result

    async def state(self, job_id: str) -> JobState | None:
        state: JobState | None
        state, at = await self._link.ask(lambda: (self._server.held_state(job_id), self._loop.now), is_write=False)
        if state is not None:
            self._checker.known_states.read(self._worker, job_id, at)
        return state

    async def probe(self) -> None:
        self._checker.outages.table_probed(self._worker)
        await super().probe()

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        found = await super().cancel_requests(job_ids)
        self._checker.cancel_requests_known(self._worker, found)
        return found
