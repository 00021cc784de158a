"""What the worker makes of its settings."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from worker.bootstrap.identity import new_name
from worker.bootstrap.queues import delete_linger_for, poll_seconds_for
from worker.bootstrap.run import keep_for_good, share_the_interpreter
from worker.settings import Settings


@pytest.mark.parametrize(
    ("lease", "drain", "poll"),
    [(60, 100, 5), (3, 100, 1), (2, 100, 1), (9, 100, 3), (60, 6, 2), (60, 0, 1)],
)
def test_a_poll_is_short_beside_the_lease_and_the_drain(lease: int, drain: float, poll: float) -> None:
    settings = Settings(visibility_timeout_seconds=lease, drain_seconds=drain)

    assert poll_seconds_for(settings) == poll


@pytest.mark.parametrize(("drain", "linger"), [(100, 0.5), (5, 0.5), (2, 0.2), (1, 0.1), (0, 0.1)])
def test_deletes_gather_for_a_short_part_of_the_drain(drain: float, linger: float) -> None:
    assert delete_linger_for(Settings(drain_seconds=drain)) == linger


def test_a_worker_is_named_by_host_and_process_and_two_first_processes_of_containers_apart() -> None:
    assert new_name("ip-10-0-1-7", 4711) == "ip-10-0-1-7:4711"
    firsts = {new_name("ip-10-0-1-7", 1) for _ in range(4)}
    assert len(firsts) > 1
    assert all(name.startswith("ip-10-0-1-7:1-") for name in firsts)


def test_what_is_there_for_good_is_no_work_for_the_garbage_collector() -> None:
    try:
        keep_for_good()
        left = len(gc.get_objects())
    finally:
        gc.unfreeze()

    assert left < len(gc.get_objects()) / 100


@pytest.fixture
def _switch_interval() -> Iterator[None]:
    seconds = sys.getswitchinterval()
    yield
    sys.setswitchinterval(seconds)


@pytest.mark.usefixtures("_switch_interval")
def test_a_thread_that_answers_is_not_kept_waiting_by_a_loop_that_computes() -> None:
    share_the_interpreter()

    assert sys.getswitchinterval() <= 0.001  # of the 100 ms that a probe may take; Python's default is 5 ms
