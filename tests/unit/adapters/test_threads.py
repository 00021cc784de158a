"""Threads at the system's limit: those that look up Redis' name, and those of the event loop's executor."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from worker.adapters.redis.threads import MAX_THREADS, DaemonThreads
from worker.adapters.threads import NoThreadsError, started_threads
from worker.ports import StoreUnavailableError


@pytest.fixture(name="limit")
def limit_fixture(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many more threads the system allows; the first member counts."""
    left = [1000]
    start = threading._start_new_thread  # type: ignore[attr-defined]

    def limited(*arguments: object) -> object:
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        return start(*arguments)

    monkeypatch.setattr(threading, "_start_new_thread", limited)
    return left


async def test_a_thread_that_cannot_be_started_is_a_failure_of_redis_and_does_not_count_as_one_that_runs(
    limit: list[int],
) -> None:
    threads = DaemonThreads()
    limit[0] = 0
    for _ in range(2 * MAX_THREADS):
        with pytest.raises(StoreUnavailableError, match="no thread can be started"):
            await threads.run(lambda: "an address")

    limit[0] = 1

    assert await threads.run(lambda: "an address") == "an address"


def test_an_executor_whose_threads_run_takes_work_at_the_limit(limit: list[int]) -> None:
    with started_threads(3) as executor:
        limit[0] = 0

        done, _ = wait([executor.submit(lambda: "done") for _ in range(20)], timeout=10)

        assert {each.result() for each in done} == {"done"}


def test_a_worker_that_cannot_have_its_threads_is_refused_and_leaves_none_behind(limit: list[int]) -> None:
    before = threading.active_count()
    limit[0] = 2

    with pytest.raises(NoThreadsError, match="3 threads cannot be started: raise the limit"):
        started_threads(3)

    assert threading.active_count() == before
