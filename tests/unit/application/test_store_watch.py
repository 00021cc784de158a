"""The stores as a process that writes no ticks sees them: whatever a probe raises, it is asked again."""

from __future__ import annotations

import asyncio

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.events import logged_events
from tests.support.records import NOW
from tests.support.virtual_time import virtual_time
from worker.application.operations.store_watch import StoreWatch
from worker.domain.progress import Record
from worker.events import Event


class OddTable(FakeJobTable):
    """Raises what no adapter should, while it is `odd`."""

    odd = True

    async def read(self, job_id: str) -> Record | None:
        if self.odd:
            raise ValueError("a secret")
        return await super().read(job_id)


class OddCache(FakeProgressCache):
    """Raises what no adapter should, while it is `odd`."""

    odd = True

    async def probe(self) -> None:
        if self.odd:
            raise ValueError("a secret")
        await super().probe()


@virtual_time
async def test_an_error_that_nobody_expected_is_an_outage_and_does_not_end_the_watch() -> None:
    table, cache = OddTable(), OddCache()
    watch = StoreWatch(table, cache, now=lambda: NOW)
    with logged_events() as log:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(watch.run())
            await asyncio.sleep(30)
            assert (watch.has_table, watch.cache_state, watch.table_problem) == (False, "unavailable", "ValueError")
            table.odd = cache.odd = False
            await asyncio.sleep(30)
            assert (watch.has_table, watch.cache_state, watch.table_problem) == (True, "connected", None)
            task.cancel()
    assert log.one(Event.REDIS_UNAVAILABLE)["error"] == "ValueError"
    assert log.one(Event.DYNAMODB_UNAVAILABLE)["error"] == "ValueError"
