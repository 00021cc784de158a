"""Outages of Redis, seen from outside: jobs complete, writes and probes are short, each outage is logged once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.black_hole import BlackHole
from tests.support.budgets import check_budget, in_time
from tests.support.odd_server import answering
from tests.support.redis_faults import FAULTS, HUNG, REFUSED
from tests.support.sounds import sound
from tests.support.stack import Stack, make_stack, wait_for
from tests.support.worker_and_redis import SLOTS, WorkerAndRedis, Writes, a_worker_and_redis
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

Find = Callable[..., WorkerAndRedis]

# How long each may take during an outage and after it, in seconds.
ANY_WRITE = 1
HEALTH = 0.1
START = 3
PYTHON = 1  # of these, for Python to start and import the code, which a forked worker need not
BACK = 5

# The part of a budget that is left for DynamoDB, which answers in less than 10 ms. The emulator shares the cores with
# all tests and may need 100 ms. A write may exceed the budget only where the emulator took that long: the worker sends
# the request within 1 ms and waits for nothing else (measured).
LEFT_TO_DYNAMODB = {REFUSED: 0.025, HUNG: 0.05}


@pytest.fixture(scope="module")
def find_worker(aws: dict[str, Any], aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    """Returns the worker whose connection to Redis is of that kind; each is started once."""
    made: dict[tuple[bool, bool], WorkerAndRedis] = {}
    with ExitStack() as stack:

        def find(*, is_proxied: bool = False, has_tls: bool = False) -> WorkerAndRedis:
            kind = (is_proxied, has_tls)
            if kind not in made:
                name, directory = f"outage-{len(made)}", tmp_path_factory.mktemp("site")
                made[kind] = stack.enter_context(
                    a_worker_and_redis(aws, aws_endpoint, name, directory, is_proxied=is_proxied, has_tls=has_tls)
                )
            return made[kind]

        yield find


@pytest.mark.parametrize("name", FAULTS)
def test_jobs_complete_through_an_outage_that_is_logged_once(
    name: str, find_worker: Find, unique: Callable[[str], str]
) -> None:
    fault = FAULTS[name]
    worker = find_worker(is_proxied=fault.is_proxied, has_tls=fault.has_tls)
    jobs, logged = [unique("job") for _ in range(SLOTS)], worker.outage_lines()
    worker.send(jobs)

    before = worker.writes()
    with worker.during(fault):
        slowest_health = worker.health_seconds()[-1]
        worker.finish(jobs)
        wait_for(lambda: worker.outage_lines()[1] > logged[1] or None, "the failover")
        after = worker.writes()
        health = worker.health()
        assert (health["status"], health["redis"]["state"]) == ("degraded", "unavailable")
        assert health["progress_store"] == "dynamodb"
        assert health["redis"]["reason"]
        assert worker.get("/livez")
        assert worker.get("/readyz")

    began_at = time.monotonic()
    wait_for(lambda: worker.outage_lines()[2] > logged[2] or None, "the failback")
    back_seconds = time.monotonic() - began_at
    assert worker.outage_lines() == [count + 1 for count in logged]
    assert [worker.cached_status(job) for job in jobs] == ["completed"] * SLOTS
    assert worker.health()["status"] == "ok"
    check_budget(slowest_health, HEALTH, "/health")
    check_budget(back_seconds, BACK, "the failback")
    check_budgets(before, after, fault.budget_seconds)


def check_budgets(before: Writes, after: Writes, seconds: float) -> None:
    """No write of the outage took longer than `seconds`, unless DynamoDB did."""

    def longer_than(limit: float, store: str | None = None) -> int:
        return after.longer_than(limit, store=store) - before.longer_than(limit, store=store)

    assert after.count - before.count >= 10
    with in_time():
        assert longer_than(ANY_WRITE) == 0
        assert longer_than(seconds, "redis") == 0
        assert longer_than(seconds) <= longer_than(LEFT_TO_DYNAMODB[seconds], "dynamodb")


@pytest.mark.parametrize("words", [("CLIENT", "KILL", "TYPE", "normal"), ("SCRIPT", "FLUSH")], ids=" ".join)
def test_closed_connections_and_forgotten_scripts_are_no_outage(
    words: tuple[str, ...], find_worker: Find, unique: Callable[[str], str]
) -> None:
    """No line of an outage is written, because the write is repeated at once.

    A closed connection is replaced within the write, and a script that Redis has forgotten is sent in full. The write
    is a compare-and-set, so repeating it changes nothing.
    """
    worker = find_worker()
    jobs, logged = [unique("job") for _ in range(SLOTS)], worker.outage_lines()
    worker.send(jobs)

    before = worker.writes()
    for _ in range(10):
        worker.breakable.command(*words)
        await_write_to_redis(worker)
    worker.finish(jobs)

    assert worker.outage_lines() == logged
    wait_for(
        lambda: all(worker.cached_status(job) == "completed" for job in jobs) or None, "the final records in Redis"
    )
    assert (worker.health()["status"], worker.health()["progress_store"]) == ("ok", "redis")
    check_budgets(before, worker.writes(), REFUSED)


def await_write_to_redis(worker: WorkerAndRedis) -> None:
    before = worker.writes().to_redis
    with in_time():  # on a busy machine the jobs may end before the last of the commands
        wait_for(lambda: worker.writes().to_redis > before or None, "a write to Redis", timeout=10)


def test_a_worker_starts_and_works_while_redis_swallows_everything(
    aws: dict[str, Any], aws_endpoint: str, unique: Callable[[str], str]
) -> None:
    port = servers.free_port()
    hole = BlackHole(port)
    stack = make_stack(aws, unique("hole")[:40], endpoint=aws_endpoint, redis_port=port)
    began_at = time.monotonic()
    worker = WorkerProcess(stack.environment())
    try:
        worker.wait_for("worker.ready")
        start_seconds = time.monotonic() - began_at
        job_id = unique("job")
        source = stack.put_source(job_id, sound("plain.wav"))
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
        wait_for(lambda: stack.status(job_id) == "completed" or None, "the end of the job")
        line = worker.wait_for("redis.unavailable")
        assert line["error"] == "connect timeout"
        worker.wait_for("progress.failed_over")
        check_budget(line["duration_seconds"], 1, "the first write")
        check_budget(start_seconds, START - PYTHON, "the start")
    finally:
        worker.close()
        hole.close()


@pytest.mark.parametrize("answer", [b"-MOVED x\r\n", b"-MOVED 1 127.0.0.1:65536\r\n"])
def test_redirections_that_lead_nowhere_are_an_outage_and_jobs_complete(
    answer: bytes, stack: Stack, start_worker: Callable[..., WorkerProcess], unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    stack.send_job(
        job_id, stack.put_source(job_id, sound("plain.wav")), {"target": stack.target(job_id), "format": "mp3"}
    )

    with answering(answer) as port:
        worker = start_worker(stack, REDIS_PORT=str(port), REDIS_CLUSTER="true")

        wait_for(lambda: stack.status(job_id) == "completed" or None, "the end of the job", timeout=20)
        worker.wait_for("redis.unavailable")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0, worker.transcript()
