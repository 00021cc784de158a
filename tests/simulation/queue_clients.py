"""Each simulated worker's faulty way to the queue, DynamoDB and Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.fakes.stores import FakeProgressCache
from tests.simulation.queue_checker import Checker
from tests.simulation.queue_schedule import Weather
from tests.simulation.queue_servers import JobTableServer, QueueServer, wake
from worker.domain.claim import JobState
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.progress import Record, Version
from worker.ports import Conflict, Delivery, StoreUnavailableError, WriteResult, Written

if TYPE_CHECKING:
    from tests.support.lean_loop import LeanLoop

_LATENCY_SECONDS = 0.02
_SLOW_SECONDS = 4.0
_TABLE_SECONDS = 0.6


class Network:
    """One worker's way out. Once it is cut, nothing that the worker does reaches anybody."""

    def __init__(self, base: LeanLoop, rng: random.Random, weather: Sequence[Weather], began_at: float) -> None:
        self.is_cut = False
        self._base = base
        self._rng = rng
        self._weather = [(began_at + each.start, began_at + each.end, each) for each in weather]

    def fault(self, what: str) -> str | None:
        now = self._base.now
        for start, end, each in self._weather:
            if start <= now < end and each.what == what and self._rng.random() < each.probability:
                return each.fault
        return None

    @property
    def latency(self) -> float:
        return _LATENCY_SECONDS * self._rng.random()


async def _pass(seconds: float) -> None:
    """What asyncio.sleep does, at half the price."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, wake, waiter)
    await waiter


def _lost() -> DependencyUnavailableError:
    return DependencyUnavailableError("SQS", "by the schedule")


class QueueClient:
    """The `JobQueue` of one worker."""

    def __init__(self, server: QueueServer, network: Network, on_receive: Callable[[int, Sequence[Delivery]], None]):
        self._server = server
        self._network = network
        self._on_receive = on_receive

    async def receive(self, slots: int) -> Sequence[Delivery]:
        began_at = asyncio.get_running_loop().time()
        fault = await self._request()
        taken = await self._server.receive(slots)
        await self._answer(fault)
        self._on_receive(slots, taken)
        return [replace(delivery, received_at=began_at) for delivery in taken]

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        fault = await self._request()
        if fault == "partial":
            kept = deliveries[: len(deliveries) // 2]
            failed = [_lost() for _ in deliveries[len(kept) :]]
            return [*await self._server.extend(kept, seconds), *failed]
        results = await self._server.extend(deliveries, seconds)
        await self._answer(fault)
        return results

    async def ack(self, delivery: Delivery) -> None:
        fault = await self._request()
        await self._server.ack(delivery)
        await self._answer(fault)

    async def hide(self, delivery: Delivery, seconds: float) -> None:
        fault = await self._request()
        await self._server.hide(delivery, seconds)
        await self._answer(fault)

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        fault = await self._request()
        is_kept = await self._server.reject(delivery, rejection)
        await self._answer(fault)
        return is_kept

    async def _request(self) -> str | None:
        """The way there. Raises DependencyUnavailableError where the request never arrives."""
        network = self._network
        fault = network.fault("queue")
        await _pass(_SLOW_SECONDS if fault == "slow" else network.latency)
        if network.is_cut or fault == "refused":
            raise _lost()
        if fault == "hang":
            await asyncio.get_running_loop().create_future()
        return fault

    async def _answer(self, fault: str | None) -> None:
        if self._network.is_cut or fault == "lost":
            raise _lost()


class _Link:
    """To a store: an answer within a budget, or StoreUnavailableError; what was sent may arrive all the same."""

    def __init__(self, what: str, network: Network, base: LeanLoop) -> None:
        self._what = what
        self._network = network
        self._base = base

    async def ask(self, serve: Callable[..., Any], *arguments: Any) -> Any:
        network = self._network
        fault = network.fault(self._what)
        if network.is_cut:
            raise StoreUnavailableError("cut off")
        await _pass(network.latency)
        if fault == "refused":
            raise StoreUnavailableError("refused")
        if fault == "slow":  # it arrives when the caller has given up
            self._base.call_later(2 * _TABLE_SECONDS, serve, *arguments)
        if fault in {"hang", "slow"}:
            await asyncio.sleep(_TABLE_SECONDS)
            raise StoreUnavailableError("no answer in time")
        if network.is_cut:
            raise StoreUnavailableError("cut off")
        result = serve(*arguments)
        if fault == "lost":
            raise StoreUnavailableError("connection reset")
        return result


class JobTableClient:
    """The `JobTable` of one worker. `claims` are those it knows to have won."""

    def __init__(
        self, server: JobTableServer, network: Network, base: LeanLoop, worker: str, checker: Checker
    ) -> None:
        self._server = server
        self._base = base
        self._link = _Link("table", network, base)
        self._worker = worker
        self._checker = checker
        self.claims: dict[str, Record] = {}

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._link.ask(self._server.put, record)
        return outcome

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result: Written | Conflict
        result, at = await self._link.ask(lambda: (self._server.put_if_unchanged(record, seen), self._base.now))
        if isinstance(result, Written):
            self.claims[record.job_id] = record
        else:  # from here on the worker knows what was so then
            self._checker.looked(self._worker, record.job_id, at)
        return result

    async def read(self, job_id: str) -> Record | None:
        record: Record | None = await self._link.ask(self._server.held.get, job_id)
        return record

    async def state(self, job_id: str) -> JobState | None:
        state: JobState | None
        state, at = await self._link.ask(lambda: (self._server.held_state(job_id), self._base.now))
        if state is not None:
            self._checker.looked(self._worker, job_id, at)
        return state

    async def request_cancel(self, job_id: str) -> bool:
        is_left: bool = await self._link.ask(self._server.put_cancel_request, job_id)
        return is_left

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        found = frozenset(await self._link.ask(self._server.cancel_requested.intersection, job_ids))
        self._checker.told(self._worker, found)
        return found


class RedisClient:
    """The `ProgressCache` of one worker."""

    def __init__(self, server: FakeProgressCache, network: Network, base: LeanLoop) -> None:
        self._server = server
        self._link = _Link("redis", network, base)

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._link.ask(self._server.put, record)
        return outcome

    async def read(self, job_id: str) -> Record | None:
        record: Record | None = await self._link.ask(self._server.held.get, job_id)
        return record

    async def probe(self) -> None:
        await self._link.ask(_nothing)

    async def reset(self) -> None:
        await asyncio.sleep(0)

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        await self._link.ask(_nothing)
        async with aclosing(self._server.subscribe(job_id)) as records:
            async for record in records:
                yield record


def _nothing() -> None: ...
