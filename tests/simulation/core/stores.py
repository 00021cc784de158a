"""The two progress stores as one party reaches them: over links on which faults happen.

What a store takes or refuses is the rule of the fakes, which the contract suite compares with the real stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.simulation.core.network import Link, Network
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.progress import Record, Version
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written

REDIS, TABLE = "redis", "table"  # names of services
_REDIS_SECONDS = 0.5  # a quarter to connect, a quarter to answer
_TICK_SECONDS = 0.6


class SimulatedRedis:
    """A `ProgressCache` over a link. Like the real one it waits longer than its callers do."""

    name = FakeProgressCache.name
    endpoint = FakeProgressCache.endpoint

    def __init__(
        self, server: FakeProgressCache, network: Network, *, tick_seconds: float = FakeProgressCache.tick_seconds
    ) -> None:
        self.tick_seconds = tick_seconds
        self._server = server
        self._link = Link(network, REDIS, _REDIS_SECONDS)

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._link.ask(self._server.put, record)
        return outcome

    async def read(self, job_id: str) -> Record | None:
        record: Record | None = await self._link.ask(self._server.held.get, job_id, is_write=False)
        return record

    async def probe(self) -> None:
        await self._link.ask(_nothing)

    async def reset(self) -> None:
        await asyncio.sleep(0)

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        try:
            await self._link.ask(_nothing, is_write=False)
        except StoreUnavailableError:
            return
        async with aclosing(self._server.subscribe(job_id)) as records:
            async for record in records:
                yield record


class SimulatedJobTable:
    """A `JobTable` over links. Like the real one it bounds its calls itself.

    `job_seconds` is the budget of what a job waits for.
    """

    name = FakeJobTable.name
    tick_seconds = FakeJobTable.tick_seconds

    def __init__(self, server: FakeJobTable, network: Network, job_seconds: float) -> None:
        self._server = server
        self._ticks = Link(network, TABLE, _TICK_SECONDS)
        self._link = Link(network, TABLE, job_seconds)

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._ticks.ask(self._server.put, record)
        return outcome

    async def commit(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._link.ask(self._server.put, record)
        return outcome

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        result: Written | Conflict = await self._link.ask(self._server.put_claim, record, seen, mark, message)
        return result

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        result: Written | Conflict = await self._link.ask(self._server.put_submission, record, message)
        return result

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        result: Written | Conflict = await self._link.ask(self._server.put_next_run, record, seen)
        return result

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result: Written | Conflict = await self._link.ask(self._server.put_if_unchanged, record, seen)
        return result

    async def read(self, job_id: str) -> Record | None:
        record: Record | None = await self._ticks.ask(self._server.held.get, job_id, is_write=False)
        return record

    async def probe(self) -> None:
        await self._link.ask(_nothing)

    async def state(self, job_id: str) -> JobState | None:
        state: JobState | None = await self._link.ask(self._server.held_state, job_id, is_write=False)
        return state

    async def request_cancel(self, job_id: str) -> bool:
        is_kept: bool = await self._link.ask(self._server.put_cancel_request, job_id)
        return is_kept

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        found: frozenset[str] = frozenset(
            await self._ticks.ask(self._server.cancel_requested.intersection, job_ids, is_write=False)
        )
        return found


def _nothing() -> None:
    """What a probe or a subscription does at the server."""
