"""Outages of Redis, seen from outside: jobs complete, probes are answered, and each outage is told once."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.gate import BlackHole
from tests.support.house import Stack, make_stack, wait_for
from tests.support.redis_faults import FAULTS, PASSWORD, Fault, Site
from tests.support.sounds import sound
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

ONCE_AN_OUTAGE = ("redis.unavailable", "progress.failed_over", "progress.failed_back")


@dataclass
class Outpost:
    """A worker with a Redis of its own."""

    stack: Stack
    worker: WorkerProcess
    site: Site

    def convert(self, *job_ids: str) -> None:
        """Have the jobs done, whatever Redis does."""
        for job_id in job_ids:
            source = self.stack.put_source(job_id, sound("plain.wav"))
            self.stack.send_job(job_id, source, {"target": self.stack.target(job_id), "format": "mp3"})
        wait_for(lambda: all(map(self.is_completed, job_ids)) or None, f"the end of {job_ids}")

    def is_completed(self, job_id: str) -> bool:
        return self.stack.status(job_id) == "completed"

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        asyncio.run(fault.begin(self.site))
        try:
            yield
        finally:
            asyncio.run(fault.end(self.site))

    def held(self, job_id: str) -> dict[str, Any] | None:
        """The job's record in Redis."""
        text = self.site.command("HGET", f"audio:job:{job_id}", "record")
        return None if text is None else json.loads(text)

    def told(self) -> list[int]:
        return [sum(line["event"] == event for line in self.worker.lines) for event in ONCE_AN_OUTAGE]

    def get(self, path: str) -> tuple[int, bytes]:
        """The status and the body; raises where that takes a second."""
        address = self.worker.wait_for("worker.started")["http_address"]
        began_at = time.perf_counter()
        with urllib.request.urlopen(f"http://{address.removeprefix('http://')}{path}", timeout=2) as answer:
            status, body = answer.status, answer.read()
        assert time.perf_counter() - began_at < 1
        return status, body

    def health(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get("/health")[1])
        return document


@pytest.fixture(scope="module")
def outpost(aws: dict[str, Any], aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outpost]:
    with servers.redis("--requirepass", PASSWORD) as server:
        stack = make_stack(aws, "outage", endpoint=aws_endpoint, redis_port=server.port)
        worker = WorkerProcess(stack.environment() | {"REDIS_PASSWORD": PASSWORD})
        try:
            worker.wait_for("redis.connected")
            yield Outpost(stack, worker, Site(server, tmp_path_factory.mktemp("site")))
        finally:
            server.thaw()
            worker.close()


@pytest.mark.parametrize(
    "name", ["killed", "frozen", "demoted", "out of memory", "no replicas", "writes paused", "wrong password"]
)
def test_jobs_complete_through_an_outage_that_is_told_once(
    name: str, outpost: Outpost, unique: Callable[[str], str]
) -> None:
    fault, jobs, before = FAULTS[name], [unique("job") for _ in range(3)], outpost.told()

    with outpost.during(fault):
        outpost.convert(*jobs)
        wait_for(lambda: outpost.told()[1] > before[1] or None, "the failover")
        health = outpost.health()
        assert (health["status"], health["redis"]["state"]) == ("degraded", "unavailable")
        assert health["progress_store"] == "dynamodb"
        assert health["redis"]["reason"]
        assert (outpost.get("/livez")[0], outpost.get("/readyz")[0]) == (200, 200)

    began_at = time.monotonic()
    wait_for(lambda: outpost.told()[2] > before[2] or None, "the way back")
    assert time.monotonic() - began_at < 7
    assert outpost.told() == [count + 1 for count in before]
    assert [(outpost.held(job) or {}).get("status") for job in jobs] == ["completed"] * 3
    assert outpost.health()["status"] == "ok"


def test_a_worker_starts_and_works_while_redis_swallows_everything(
    aws: dict[str, Any], aws_endpoint: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    port = servers.free_port()
    hole = BlackHole(port)
    stack = make_stack(aws, unique("hole")[:40], endpoint=aws_endpoint, redis_port=port)
    worker = WorkerProcess(stack.environment())
    try:
        assert worker.wait_for("worker.ready")["startup_seconds"] < 10  # the contract's three, on a busy machine
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
