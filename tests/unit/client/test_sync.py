"""The client for programs without asyncio."""

from __future__ import annotations

import asyncio
import gc
from contextlib import nullcontext

import pytest

from tests.fakes.stores import FakeJobTable
from tests.support.clients import client_parts
from tests.support.records import a_record
from worker.client import Jobs as AsynchronousJobs
from worker.client.sync import Jobs


def _a_client() -> Jobs:
    table = FakeJobTable()
    table.put(a_record(1000, 1, job_id="a"))
    return Jobs(AsynchronousJobs(nullcontext(client_parts(table))))


def test_a_call_outside_with_raises_runtime_error() -> None:
    jobs = _a_client()
    with pytest.raises(RuntimeError, match="inside of `with`"):
        jobs.get("a")
    with jobs:
        assert jobs.get("a") is not None
    with pytest.raises(RuntimeError, match="inside of `with`"):
        jobs.get("a")


def test_a_client_is_entered_once_and_where_no_loop_runs() -> None:
    jobs = _a_client()
    with jobs:
        with pytest.raises(RuntimeError, match="make another one"), jobs:
            pass
        assert jobs.get("a") is not None

    async def beside_a_loop() -> None:
        with pytest.raises(RuntimeError, match="running event loop"), _a_client():
            pass

    asyncio.run(beside_a_loop())
    gc.collect()  # a coroutine that was never awaited would be a warning


def test_a_watch_that_outlives_its_client_is_closed_with_it() -> None:
    with _a_client() as jobs:
        records = iter(jobs.watch("a"))
        assert next(records).job_id == "a"
    with pytest.raises(RuntimeError, match="inside of `with`"):
        next(records)
