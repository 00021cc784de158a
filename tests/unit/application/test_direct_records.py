"""Records that a command writes: the job table holds them, and the cache is tried for a moment."""

from __future__ import annotations

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.records import NOW
from tests.support.virtual_time import now, virtual_time
from worker.application.jobs.direct_records import DirectRecords
from worker.domain.progress import first_record
from worker.ports import Written


@virtual_time
async def test_a_cache_that_hangs_delays_a_job_that_is_submitted_by_less_than_half_a_second() -> None:
    table, cache = FakeJobTable(), FakeProgressCache()
    cache.hangs = True
    began_at = now()

    result = await DirectRecords(table, cache).submit(first_record("ep-1", None, (), NOW), None)

    assert isinstance(result, Written)
    assert "ep-1" in table.held
    assert now() - began_at == pytest.approx(0.3)
