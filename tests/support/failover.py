"""A failover store over stores in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.events import LoggedEvents, logged_events
from tests.support.records import NOW, a_record
from tests.support.virtual_time import now
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.domain.circuit import Severity
from worker.events import Event
from worker.ports import StoreUnavailableError

ONCE_AN_OUTAGE = (Event.REDIS_UNAVAILABLE, Event.PROGRESS_FAILED_OVER, Event.PROGRESS_FAILED_BACK)


@dataclass
class Stores:
    """A store in virtual time, and what it is made of."""

    store: FailoverStore
    table: FakeJobTable
    redis: FakeProgressCache
    log: LoggedEvents

    def logged(self) -> list[int]:
        """How often each event of an outage was logged."""
        return [len(self.log.of(event)) for event in ONCE_AN_OUTAGE]

    async def until(self, state: str) -> float:
        """Wait for Redis' state; returns the seconds it took."""
        began_at = now()
        while self.store.cache_state != state:
            await asyncio.sleep(0.01)
            assert now() - began_at < 60
        return now() - began_at

    async def until_back(self) -> float:
        """Wait for the end of the outage, replay included; returns the seconds it took."""
        began_at = now()
        while self.store.outage is not None:
            await asyncio.sleep(0.01)
            assert now() - began_at < 60
        return now() - began_at

    async def trip(self) -> None:
        self.redis.failure = StoreUnavailableError("read only: not a primary", Severity.HARD)
        await self.store.tick(a_record(seq=1, job_id="that-trips"))
        assert self.store.cache_state == "unavailable"


@asynccontextmanager
async def stores(
    *,
    is_up: bool = True,
    table: FakeJobTable | None = None,
    redis: FakeProgressCache | None = None,
    **arguments: Any,
) -> AsyncIterator[Stores]:
    table, redis = table or FakeJobTable(), redis or FakeProgressCache()
    if not is_up:
        redis.breaks()
    store = FailoverStore(table, GuardedCache(redis, now=lambda: NOW, random=lambda: 0.5, **arguments))
    with logged_events() as log:
        running = asyncio.create_task(store.run(), name="prober")
        made = Stores(store, table, redis, log)
        if is_up:
            await made.until("connected")
        try:
            yield made
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait([running])
