"""`worker validate URL` against real workers, and against servers that answer wrongly, late or never."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from tests.support.budgets import check_budget
from tests.support.forking import inherited, run_worker
from tests.support.scripted_http import scripted_http
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.demo.servers import free_port

HEALTH: dict[str, Any] = {
    "status": "ok",
    "redis": {"state": "connected", "reason": None},
    "progress_store": "redis",
    "queue": {"poll_age_seconds": 1.0, "poll_failures": 0, "paused": False},
    "version": "1",
}


def validate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In an environment without a single setting."""
    return run_worker(["validate", *arguments], env=inherited())


def findings_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def url_of(process: WorkerProcess) -> str:
    process.wait_for("worker.ready")
    address: str = process.wait_for("worker.started")["http_address"]
    return address if "://" in address else f"http://{address}"


def test_a_worker_that_does_its_jobs_passes_each_line_with_its_time(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    process = start_worker(stack)
    url = url_of(process)
    process.wait_for("redis.connected")

    done = validate(url)

    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == ["livez", "readyz", "health", "progress", "queue"]
    assert {line[0] for line in lines} == {"ok"}
    assert "redis connected, progress goes to redis" in done.stdout
    check_budget(max(float(line[2]) for line in lines), 2, "a check")


def test_a_worker_without_redis_passes_and_one_whose_redis_is_out_is_degraded(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    without = start_worker(stack, REDIS_ENDPOINT="", REDIS_PORT="", REDIS_TLS="")
    cut_off = start_worker(stack, REDIS_PORT=str(free_port()), REDIS_CONNECT_TIMEOUT_SECONDS="5")
    cut_off.wait_for("redis.unavailable")

    disabled = validate(url_of(without) + "/health", "--json")
    unavailable = validate(url_of(cut_off) + "/", "--json")

    assert (disabled.returncode, json.loads(disabled.stdout)["status"]) == (0, "ok")
    assert findings_of(disabled)["progress"]["detail"] == "redis disabled, progress goes to dynamodb"
    assert (unavailable.returncode, json.loads(unavailable.stdout)["status"]) == (0, "degraded")
    progress = findings_of(unavailable)["progress"]
    assert progress["detail"] == "redis unavailable, progress goes to dynamodb (connection refused)"
    assert progress["advice"] == "check REDIS_ENDPOINT and REDIS_PORT: nothing listens there"


def test_a_worker_that_cannot_reach_its_table_fails(stack: Stack, start_worker: Callable[..., WorkerProcess]) -> None:
    process = start_worker(stack, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1")
    address: str = process.wait_for("worker.started")["http_address"]
    process.wait_for("consumption.paused")

    done = validate(f"http://{address.removeprefix('http://')}", "--json")

    assert done.returncode == 1
    found = findings_of(done)
    assert (found["livez"]["status"], found["readyz"]["status"]) == ("ok", "failed")
    assert (found["queue"]["status"], found["queue"]["detail"][:29]) == ("failed", "receives nothing (table: Dyna")


def test_where_nothing_listens_each_line_says_so() -> None:
    done = validate(f"http://127.0.0.1:{free_port()}", "--json")

    assert done.returncode == 1
    assert {check["status"] for check in findings_of(done).values()} == {"failed"}
    assert {check["detail"] for check in findings_of(done).values()} == {
        "The server did not answer (connection refused)"
    }


@pytest.mark.parametrize("text", ["ftp://host", "host:8080", "http://", "http://host:port"])
def test_what_is_no_url_is_wrong_usage(text: str) -> None:
    done = validate(text)

    assert (done.returncode, done.stdout) == (64, "")
    assert "must be a URL such as http://127.0.0.1:8080" in done.stderr


async def validated(answers: Callable[[web.Request], Any]) -> subprocess.CompletedProcess[str]:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = answers(request)
        return answer if isinstance(answer, web.Response) else await answer

    async with scripted_http(handler) as url:
        return await asyncio.to_thread(validate, url, "--json")


async def test_a_server_that_hangs_fails_within_two_seconds() -> None:
    async def hang() -> web.Response:
        await asyncio.sleep(20)
        return web.Response()

    done = await validated(lambda _: hang())

    found = findings_of(done)
    assert done.returncode == 1
    assert {check["detail"] for check in found.values()} == {"no answer within 2 s"}
    check_budget(max(check["duration_seconds"] for check in found.values()), 3, "a check")


async def test_a_document_that_comes_in_pieces_is_read_to_its_end() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for character in json.dumps(HEALTH):
            await response.write(character.encode())
        await response.write_eof()
        return response

    async with scripted_http(handler) as url:
        done = await asyncio.to_thread(validate, url, "--json")

    assert done.returncode == 0, done.stdout


def test_a_password_in_the_url_is_not_shown() -> None:
    done = validate(f"http://somebody:hunter2@127.0.0.1:{free_port()}")

    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr


async def test_a_worker_that_writes_each_tick_to_the_table_first_is_as_it_should_be() -> None:
    done = await validated(lambda _: web.json_response(HEALTH | {"progress_store": "dynamodb"}))

    finding = findings_of(done)["progress"]
    assert (done.returncode, finding["status"]) == (0, "ok")
    assert finding["detail"] == "redis connected, progress goes to dynamodb first (WORKER_PROGRESS_MODE=durable)"


async def test_a_gateway_that_has_no_queue_passes() -> None:
    document = {name: value for name, value in HEALTH.items() if name != "queue"}

    done = await validated(lambda _: web.json_response(document))

    assert (done.returncode, findings_of(done)["queue"]["detail"]) == (0, "receives nothing, as a gateway")


@pytest.mark.parametrize(("failures", "state"), [(0, "ok"), (3, "degraded")])
async def test_a_gateway_is_judged_by_what_it_sends(failures: int, state: str) -> None:
    document = HEALTH | {"queue": {"sent": 7, "send_failures": failures}, "jobs": {"running": 0, "slots": 0}}

    done = await validated(lambda _: web.json_response(document))

    finding = findings_of(done)["queue"]
    assert (done.returncode, finding["status"]) == (0, state)
    assert ("3 sends in a row have failed" in finding["detail"]) is (failures > 0)


@pytest.mark.parametrize(
    ("document", "failed"),
    [
        (HEALTH, set()),
        (HEALTH | {"status": "draining"}, {"health"}),
        (HEALTH | {"status": "fine"}, {"health"}),
        (HEALTH | {"progress_store": "memory"}, {"progress"}),
        (HEALTH | {"redis": {"state": "unavailable"}}, {"progress"}),
        (HEALTH | {"queue": HEALTH["queue"] | {"paused": True}}, {"queue"}),
        (HEALTH | {"queue": HEALTH["queue"] | {"poll_age_seconds": 31}}, {"queue"}),
        (HEALTH | {"queue": {}}, {"queue"}),
        ([], {"health", "progress", "queue"}),
        ({}, {"health", "progress"}),
    ],
)
async def test_a_document_that_no_healthy_worker_gives_fails_in_its_line(document: Any, failed: set[str]) -> None:
    done = await validated(lambda _: web.json_response(document))

    found = {name for name, check in findings_of(done).items() if check["status"] == "failed"}
    assert (done.returncode, found) == (1 if failed else 0, failed)


async def test_a_document_that_is_nested_too_deeply_is_none() -> None:
    done = await validated(lambda _: web.Response(text="[" * 20_000))

    found = findings_of(done)
    assert done.returncode == 1
    assert found["health"]["detail"].startswith("answered 200")


async def test_the_advice_for_a_server_that_is_no_worker_is_to_check_the_url() -> None:
    done = await validated(lambda _: web.Response(status=404))

    assert done.returncode == 1
    assert {check["advice"] for check in json.loads(done.stdout)["checks"][:3]} == {"check the URL"}
