"""Probes are answered at once, whatever the worker and the clients do."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from tests.support.waiting import wait_until
from worker import metrics
from worker.adapters.http import CannotListenError, HttpServer
from worker.application.consuming.consumer import ConsumerStatus
from worker.application.consuming.pause import Pause, PauseReason
from worker.application.operations.health import Health, HealthMonitor
from worker.application.progress.guarded_cache import CacheState
from worker.application.progress.outages import Outage

RUNNING = ConsumerStatus(
    jobs=1,
    slots=2,
    is_polling=True,
    is_draining=False,
    is_alive=True,
    poll_age_seconds=1.0,
    poll_failures=0,
    settled={},
)
OUTAGE = Outage(datetime(2026, 11, 22, 20, 1, 2, tzinfo=UTC), 0.0, "timeout", 0.25)


def health(**changes: Any) -> Health:
    values: dict[str, Any] = {
        "cache_name": "redis",
        "cache_state": "connected",
        "progress_store": "redis",
        "outage": None,
        "outages": 0,
        "consumer": RUNNING,
        "ended": {"completed": 3, "failed": 1, "cancelled": 0},
        "beat_age_seconds": 0.5,
    }
    return Health(**values | changes)


class Worker:
    """The health that the server shows, which a test changes."""

    def __init__(self) -> None:
        self.health = health()
        self.is_broken = False

    def look(self) -> Health:
        if self.is_broken:
            raise RuntimeError("boom")
        return self.health


@pytest.fixture(name="worker")
def worker_fixture() -> Worker:
    return Worker()


@pytest.fixture(name="server")
def server_fixture(worker: Worker) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, health=worker.look, render_metrics=metrics.render)
    server.start()
    yield server
    server.close()


def port_of(server: HttpServer) -> int:
    return int(server.address.rpartition(":")[2])


def ask(server: HttpServer, path: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=5)) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}


def test_health_is_the_contracts_document(server: HttpServer) -> None:
    status, body, headers = ask(server, "/health")
    document = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert document["status"] == "ok"
    assert document["redis"]["state"] == "connected"
    assert document["progress_store"] == "redis"
    assert document["queue"]["poll_age_seconds"] == 1.0
    assert document["jobs"] == {"running": 1, "slots": 2, "completed": 3, "failed": 1, "cancelled": 0}
    assert "version" in document


def test_an_outage_of_redis_degrades_health_and_nothing_else(worker: Worker, server: HttpServer) -> None:
    worker.health = health(cache_state="unavailable", outage=OUTAGE, outages=1, progress_store="dynamodb")
    status, body, _ = ask(server, "/health")
    document = json.loads(body)
    assert (status, document["status"], document["progress_store"]) == (200, "degraded", "dynamodb")
    assert document["redis"]["state"] == "unavailable"
    assert document["redis"]["reason"] == "timeout"
    assert ask(server, "/livez")[0] == 200
    assert ask(server, "/readyz")[0] == 200


def test_a_drain_ends_readiness_but_not_liveness(worker: Worker, server: HttpServer) -> None:
    worker.health = health(consumer=replace(RUNNING, is_polling=False, is_draining=True))
    assert json.loads(ask(server, "/health")[1])["status"] == "draining"
    assert ask(server, "/readyz")[0] == 503
    assert ask(server, "/livez")[0] == 200


def test_a_stuck_worker_is_not_live_but_still_answers(worker: Worker, server: HttpServer) -> None:
    for stuck in (health(beat_age_seconds=31.0), health(consumer=replace(RUNNING, is_alive=False))):
        worker.health = stuck
        assert ask(server, "/livez")[0] == 503
        assert ask(server, "/health")[0] == 200


def test_a_queue_that_does_not_answer_degrades_health_and_nothing_else(worker: Worker, server: HttpServer) -> None:
    worker.health = health(consumer=replace(RUNNING, poll_failures=3))
    assert json.loads(ask(server, "/health")[1])["status"] == "degraded"
    assert ask(server, "/livez")[0] == 200


def test_health_says_which_of_several_queues_does_not_answer(worker: Worker, server: HttpServer) -> None:
    worker.health = health(queue_failures=(0, 2))

    document = json.loads(ask(server, "/health")[1])

    assert document["status"] == "degraded"
    assert document["queue"]["by_priority"] == [
        {"priority": 1, "poll_failures": 0},
        {"priority": 2, "poll_failures": 2},
    ]
    worker.health = health(queue_failures=(0, 0))
    assert json.loads(ask(server, "/health")[1])["status"] == "ok"
    worker.health = health()
    assert "by_priority" not in json.loads(ask(server, "/health")[1])["queue"]


def test_too_many_rejects_degrade_health_and_nothing_else(worker: Worker, server: HttpServer) -> None:
    worker.health = health(
        consumer=replace(RUNNING, pause=Pause(PauseReason.REJECTS, "more than 60 rejects in a minute"))
    )
    document = json.loads(ask(server, "/health")[1])
    assert (document["status"], document["queue"]["paused"]) == ("degraded", True)
    assert ask(server, "/livez")[0] == 200
    assert ask(server, "/readyz")[0] == 200


def test_a_worker_that_cannot_claim_jobs_is_not_ready_and_says_why(worker: Worker, server: HttpServer) -> None:
    problem = "DynamoDB answered ThrottlingException"
    worker.health = health(consumer=replace(RUNNING, pause=Pause(PauseReason.TABLE, problem)))
    document = json.loads(ask(server, "/health")[1])
    assert (document["status"], document["queue"]["pause_reason"]) == ("degraded", "table")
    assert document["queue"]["pause_problem"] == problem
    assert ask(server, "/livez")[0] == 200
    assert ask(server, "/readyz")[0] == 503


def test_a_worker_is_not_ready_before_its_first_poll(worker: Worker, server: HttpServer) -> None:
    worker.health = health(consumer=replace(RUNNING, is_polling=False))
    assert ask(server, "/readyz")[0] == 503


def test_metrics_are_prometheus_text(server: HttpServer) -> None:
    status, body, headers = ask(server, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert b"# TYPE worker_jobs_total counter" in body
    assert b"worker_info{version=" in body


def test_other_paths_and_methods_are_refused(server: HttpServer) -> None:
    assert ask(server, "/")[0] == 404
    assert ask(server, "/health/x")[0] == 404
    assert ask(server, "/health?verbose=1")[0] == 200
    assert ask(server, "/nothing", "POST")[0] == 404
    status, _, headers = ask(server, "/health", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    status, body, headers = ask(server, "/health", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_a_bug_in_a_report_is_a_500_and_the_next_answer_is_good(worker: Worker, server: HttpServer) -> None:
    worker.is_broken = True
    with structlog.testing.capture_logs() as lines:
        assert ask(server, "/health")[0] == 500
    assert [(line["event"], line["place"]) for line in lines] == [("bug.caught", "/health")]
    worker.is_broken = False
    assert ask(server, "/health")[0] == 200


def test_one_connection_carries_many_questions(server: HttpServer) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=5)) as connection:
        for _ in range(3):
            connection.request("GET", "/livez")
            assert connection.getresponse().read() == b"live\n"


def test_a_port_in_use_is_told_plainly(server: HttpServer, worker: Worker) -> None:
    with pytest.raises(CannotListenError, match=f"cannot listen on 127.0.0.1, port {port_of(server)}"):
        HttpServer("127.0.0.1", port_of(server), health=worker.look, render_metrics=metrics.render)


async def test_a_blocked_event_loop_does_not_delay_an_answer(server: HttpServer) -> None:
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(ask(server, "/health")[0]))
    await asyncio.sleep(0)
    thread.start()
    thread.join(5)  # blocks the loop for as long as the answer takes
    assert statuses == [200]


class Parts:
    """A progress store and a consumer, as far as health goes."""

    cache_name = "redis"
    cache_state: CacheState = "unavailable"
    progress_store: str = "dynamodb"
    outage: Outage | None = OUTAGE
    outages = 1

    def status(self) -> ConsumerStatus:
        return RUNNING


async def test_the_monitor_beats_and_keeps_the_gauges() -> None:
    parts = Parts()
    monitor = HealthMonitor(parts, parts)
    outages = metrics.REGISTRY.get_sample_value("worker_progress_failovers_total") or 0.0
    task = asyncio.create_task(monitor.run())
    await wait_until(lambda: metrics.REGISTRY.get_sample_value("worker_progress_failovers_total") == outages + 1)
    task.cancel()
    assert monitor.snapshot().is_live
    assert metrics.REGISTRY.get_sample_value("worker_jobs_running") == 1
    assert metrics.REGISTRY.get_sample_value("worker_redis_up") == 0
    assert metrics.REGISTRY.get_sample_value("worker_slots") == 2
    pulse = monitor.pulse()
    assert (pulse["progress_store"], pulse["busy_share"]) == ("dynamodb", 0.5)
