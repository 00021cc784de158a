"""Outages of Redis, seen from outside: jobs complete, writes and probes are short, and each outage is told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.gate import BlackHole
from tests.support.house import make_stack, wait_for
from tests.support.outpost import SLOTS, Outpost, Writes, an_outpost
from tests.support.redis_faults import FAULTS, HUNG, REFUSED
from tests.support.sounds import sound
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

Find = Callable[..., Outpost]

# The contract's budgets (section 9), in seconds.
ANY_WRITE = 1
HEALTH = 0.1
START = 3
BACK = 5

# What a budget leaves to DynamoDB, which answers in less than 10 ms. Its emulator shares the cores with all tests and
# an interpreter with S3's, and may need 100 ms for an answer. Only a write for which it did may be late: the request
# leaves within 1 ms, and the worker waits for nothing else (measured).
LEFT_TO_DYNAMODB = {REFUSED: 0.025, HUNG: 0.05}


@pytest.fixture(scope="module")
def outpost(aws: dict[str, Any], aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    """The outpost whose way to Redis is of that kind; each is made once."""
    made: dict[tuple[bool, bool], Outpost] = {}
    with ExitStack() as stack:

        def find(*, is_gated: bool = False, has_tls: bool = False) -> Outpost:
            kind = (is_gated, has_tls)
            if kind not in made:
                name, directory = f"outage-{len(made)}", tmp_path_factory.mktemp("site")
                made[kind] = stack.enter_context(
                    an_outpost(aws, aws_endpoint, name, directory, is_gated=is_gated, has_tls=has_tls)
                )
            return made[kind]

        yield find


@pytest.mark.parametrize("name", FAULTS)
def test_jobs_complete_through_an_outage_that_is_told_once(
    name: str, outpost: Find, unique: Callable[[str], str]
) -> None:
    fault = FAULTS[name]
    post = outpost(is_gated=fault.is_gated, has_tls=fault.has_tls)
    jobs, told = [unique("job") for _ in range(SLOTS)], post.told()
    post.send(jobs)

    before = post.writes()
    with post.during(fault):
        assert post.health_seconds()[-1] < HEALTH
        post.finish(jobs)
        wait_for(lambda: post.told()[1] > told[1] or None, "the failover")
        after = post.writes()
        health = post.health()
        assert (health["status"], health["redis"]["state"]) == ("degraded", "unavailable")
        assert health["progress_store"] == "dynamodb"
        assert health["redis"]["reason"]
        assert post.get("/livez")
        assert post.get("/readyz")

    began_at = time.monotonic()
    wait_for(lambda: post.told()[2] > told[2] or None, "the way back")
    assert time.monotonic() - began_at < BACK
    assert post.told() == [count + 1 for count in told]
    assert [post.held(job) for job in jobs] == ["completed"] * SLOTS
    assert post.health()["status"] == "ok"
    hold_budgets(before, after, fault.budget_seconds)


def hold_budgets(before: Writes, after: Writes, seconds: float) -> None:
    """No write of the outage took longer than `seconds`, unless DynamoDB did."""

    def longer_than(limit: float, store: str | None = None) -> int:
        return after.longer_than(limit, store=store) - before.longer_than(limit, store=store)

    assert after.count - before.count >= 10
    assert longer_than(ANY_WRITE) == 0
    assert longer_than(seconds, "redis") == 0
    assert longer_than(seconds) <= longer_than(LEFT_TO_DYNAMODB[seconds], "dynamodb")


@pytest.mark.parametrize("words", [("CLIENT", "KILL", "TYPE", "normal"), ("SCRIPT", "FLUSH")], ids=" ".join)
def test_closed_connections_and_forgotten_scripts_are_no_outage(
    words: tuple[str, ...], outpost: Find, unique: Callable[[str], str]
) -> None:
    """Neither line of an outage is written: the write is made anew at once.

    A connection that served before and turns out to be closed is replaced within the write, and a script that Redis
    has forgotten is sent again in full; both are compare-and-set, so that a second one changes nothing.
    """
    post = outpost()
    jobs, told = [unique("job") for _ in range(SLOTS)], post.told()
    post.send(jobs)

    before = post.writes()
    for _ in range(10):
        post.site.command(*words)
        await_write_to_redis(post)
    post.finish(jobs)

    assert post.told() == told
    wait_for(lambda: all(post.held(job) == "completed" for job in jobs) or None, "the final records in Redis")
    assert (post.health()["status"], post.health()["progress_store"]) == ("ok", "redis")
    hold_budgets(before, post.writes(), REFUSED)


def await_write_to_redis(post: Outpost) -> None:
    before = post.writes().to_redis
    wait_for(lambda: post.writes().to_redis > before or None, "a write to Redis")


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
        assert time.monotonic() - began_at < START  # Python's own start included
        job_id = unique("job")
        source = stack.put_source(job_id, sound("plain.wav"))
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
        wait_for(lambda: stack.status(job_id) == "completed" or None, "the end of the job")
        line = worker.wait_for("redis.unavailable")
        assert line["reason"] == "connect timeout"
        assert line["duration_seconds"] < 1
        worker.wait_for("progress.failed_over")
    finally:
        worker.close()
        hole.close()
