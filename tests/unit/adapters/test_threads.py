"""Threads at the system's limit, those that look up Redis' name and those of the loop's executor; and their memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from worker.adapters.redis.threads import MAX_THREADS, DaemonThreads
from worker.adapters.sandbox import kernel
from worker.adapters.threads import NoThreadsError, started_threads
from worker.ports import StoreUnavailableError

# Each thread holds some blocks of malloc's while the library lists its arenas (malloc_info(3)) as XML.
_LISTS_ARENAS = """
import ctypes, sys, threading
from worker.adapters.sandbox.kernel import libc
from worker.adapters.threads import share_arenas, started_threads

if sys.argv[1:] == ["shared"]:
    share_arenas()
held = threading.Barrier(9)
libc.malloc.restype = ctypes.c_void_p

def hold():
    kept = [libc.malloc(ctypes.c_size_t(10_000)) for _ in range(100)]
    held.wait()
    held.wait()

with started_threads(8) as executor:
    work = [executor.submit(hold) for _ in range(8)]
    held.wait()
    libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
    libc.fflush(None)
    held.wait()
"""


@pytest.fixture(name="limit")
def limit_fixture(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many more threads the system allows; the first member counts."""
    left = [1000]
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
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


@pytest.mark.skipif(not hasattr(kernel.libc, "malloc_info"), reason="needs glibc")
def test_threads_share_two_arenas_of_malloc() -> None:
    def arenas(*arguments: str) -> int:
        command = [sys.executable, "-c", _LISTS_ARENAS, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")

    assert arenas("shared") == 2
    assert arenas() > 2
