"""The two stores in memory, behind links that fail in all the ways that networks and servers do.

What a store takes or refuses is the fakes' rule, which the contract suite holds against the real ones. A request that
is under way is a timer of the loop and none of its caller's: it arrives even when the caller has given up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from typing import Any

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.simulation.invariants import Checker
from tests.simulation.schedule import Fault, LinkFault
from tests.support.lean_loop import LeanLoop
from worker.domain.circuit import Severity
from worker.domain.claim import JobState
from worker.domain.progress import Record, Version
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written

_LATENCY_SECONDS = 0.01
_SLOW_SECONDS = 0.5
_LATE_SECONDS = 2.5
_TABLE_SECONDS = 0.6
_REDIS_SECONDS = 0.5  # a quarter to connect, a quarter to answer
_ANY_OF = (
    None,
    None,
    None,
    Fault.REFUSED,
    Fault.SILENT,
    Fault.UNACKNOWLEDGED,
    Fault.LATE,
    Fault.SLOW,
)


class RedisServer(FakeProgressCache):
    """The state of Redis, and a log by which it forgets its last writes."""

    def __init__(self, loop: LeanLoop, checker: Checker) -> None:
        super().__init__()
        self._loop = loop
        self._checker = checker
        self._log: list[tuple[float, str, Record | None]] = []  # when, and what was held before

    def put(self, record: Record) -> WriteResult:
        before = self.held.get(record.job_id)
        outcome = super().put(record)
        if outcome is WriteResult.APPLIED:
            self._log.append((self._loop.now, record.job_id, before))
            self._checker.kept("redis", before, record)
        return outcome

    def fail_over(self, lost_seconds: float) -> None:
        since = self._loop.now - lost_seconds
        while self._log and self._log[-1][0] >= since:
            _, job_id, before = self._log.pop()
            if before is None:
                self.held.pop(job_id, None)
            else:
                self.held[job_id] = before
        self.cut_watchers()
        self._checker.redis_lost_writes(self.held)


class JobTableServer(FakeJobTable):
    """The state of DynamoDB, which forgets nothing."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def put(self, record: Record) -> WriteResult:
        before = self.held.get(record.job_id)
        outcome = super().put(record)
        if outcome is WriteResult.APPLIED:
            self._checker.kept("table", before, record)
        return outcome

    def put_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        before = self.held.get(record.job_id)
        result = super().put_if_unchanged(record, seen)
        if before is not record and self.held.get(record.job_id) is record:
            self._checker.claim_kept(before, record)
        return result


class Link:
    """One party's way to one store."""

    def __init__(self, loop: LeanLoop, rng: random.Random, began_at: float, faults: list[LinkFault]) -> None:
        self._loop = loop
        self._rng = rng
        self._faults = [(began_at + each.start, began_at + each.end, each.fault) for each in faults]

    def request(self, serve: Callable[..., Any], *arguments: Any, is_write: bool) -> asyncio.Future[Any]:
        """Have the server do it. The answer may never come: the caller has to bound its wait."""
        loop, random_ = self._loop, self._rng.random
        answer: asyncio.Future[Any] = asyncio.Future(loop=loop)
        latency = _LATENCY_SECONDS * random_()
        fault, end = self._fault()
        if fault is None:
            loop.call_later(latency, _serve, answer, serve, arguments)
        elif fault is Fault.REFUSED:
            loop.call_later(latency, _fail, answer, StoreUnavailableError("connection refused"))
        elif fault is Fault.READONLY and is_write:
            loop.call_later(latency, _fail, answer, StoreUnavailableError("READONLY", Severity.HARD))
        elif fault is Fault.UNACKNOWLEDGED:
            loop.call_later(latency, serve, *arguments)
            loop.call_later(2 * latency, _fail, answer, StoreUnavailableError("connection reset"))
        elif fault is Fault.LATE:
            loop.call_later(0.1 + _LATE_SECONDS * random_() ** 2, _serve, answer, serve, arguments)
        elif fault is Fault.FROZEN:
            loop.call_at(end, _serve, answer, serve, arguments)
        elif fault is Fault.SLOW:
            loop.call_later(latency, _serve_slowly, loop, answer, _SLOW_SECONDS * random_(), serve, arguments)
        elif fault is not Fault.SILENT:  # READONLY, and a read
            loop.call_later(latency, _serve, answer, serve, arguments)
        return answer

    async def bounded(self, seconds: float, answer: asyncio.Future[Any]) -> Any:
        """Wait for the answer so long. Raises StoreUnavailableError."""
        budget = self._loop.call_later(seconds, _fail, answer, StoreUnavailableError("no answer in time"))
        try:
            return await answer
        finally:
            budget.cancel()

    def _fault(self) -> tuple[Fault | None, float]:
        now = self._loop.now
        for start, end, fault in self._faults:
            if start <= now < end:
                return (self._rng.choice(_ANY_OF) if fault is Fault.FLAKY else fault), end
        return None, 0.0


def _serve(answer: asyncio.Future[Any], serve: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    result = serve(*arguments)
    if not answer.done():
        answer.set_result(result)


def _serve_slowly(
    loop: LeanLoop, answer: asyncio.Future[Any], seconds: float, serve: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    loop.call_later(seconds, _answer, answer, serve(*arguments))


def _answer(answer: asyncio.Future[Any], result: object) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], failure: StoreUnavailableError) -> None:
    if not answer.done():
        answer.set_exception(failure)


class SimulatedRedis:
    """An `ProgressCache` over a link. Its own time is longer than its callers have, as with the real one."""

    def __init__(self, server: RedisServer, link: Link) -> None:
        self._server = server
        self._link = link

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._ask(self._server.put, record, is_write=True)
        return outcome

    async def read(self, job_id: str) -> Record | None:
        record: Record | None = await self._ask(self._server.held.get, job_id, is_write=False)
        return record

    async def probe(self) -> None:
        await self._ask(_nothing, is_write=True)

    async def reset(self) -> None:
        await asyncio.sleep(0)

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        try:
            await self._ask(_nothing, is_write=False)
        except StoreUnavailableError:
            return
        async with aclosing(self._server.subscribe(job_id)) as records:
            async for record in records:
                yield record

    async def _ask(self, serve: Callable[..., Any], *arguments: Any, is_write: bool) -> Any:
        return await self._link.bounded(_REDIS_SECONDS, self._link.request(serve, *arguments, is_write=is_write))


class SimulatedJobTable:
    """A `JobTable` over a link, which bounds itself as the real one does."""

    def __init__(self, server: JobTableServer, link: Link) -> None:
        self._server = server
        self._link = link
        self.has_answered = False

    async def write(self, record: Record) -> WriteResult:
        outcome: WriteResult = await self._ask(self._server.put, record, is_write=True)
        return outcome

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result: Written | Conflict = await self._ask(self._server.put_if_unchanged, record, seen, is_write=True)
        return result

    async def read(self, job_id: str) -> Record | None:
        """`has_answered` tells afterwards whether it did, for a caller that swallows the failure."""
        self.has_answered = False
        record: Record | None = await self._ask(self._server.held.get, job_id, is_write=False)
        self.has_answered = True
        return record

    async def state(self, job_id: str) -> JobState | None:
        state: JobState | None = await self._ask(self._server.held_state, job_id, is_write=False)
        return state

    async def request_cancel(self, job_id: str) -> bool:
        is_left: bool = await self._ask(self._server.put_cancel_request, job_id, is_write=True)
        return is_left

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        found: frozenset[str] = await self._ask(self._server.cancel_requested.intersection, job_ids, is_write=False)
        return frozenset(found)

    async def _ask(self, serve: Callable[..., Any], *arguments: Any, is_write: bool) -> Any:
        return await self._link.bounded(_TABLE_SECONDS, self._link.request(serve, *arguments, is_write=is_write))


def _nothing() -> None:
    """What a probe or a subscription leaves behind."""
