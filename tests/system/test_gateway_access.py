"""Who may use `worker serve`: tokens, hosts, origins of pages, and how often."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support.forking import inherited, run_worker
from tests.support.gateway import GatewayClient, GatewayProcess, a_message
from tests.support.stack import Stack
from worker.demo.servers import free_port

TOKEN = "t0k3n"


def serve(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run_worker(["serve"], env={**inherited(), **environment})


def test_a_host_that_others_reach_needs_a_token(stack: Stack) -> None:
    refused = serve(stack.environment() | {"WORKER_SERVE_HOST": "0.0.0.0", "WORKER_SERVE_PORT": "0"})

    assert (refused.returncode, refused.stdout) == (78, "")
    assert refused.stderr.startswith("worker: WORKER_SERVE_TOKEN: is required, because WORKER_SERVE_HOST is 0.0.0.0")


@pytest.mark.parametrize("token", ["two words", "pässword"])
def test_a_token_that_no_header_can_carry_is_bad_configuration(token: str, stack: Stack) -> None:
    refused = serve(stack.environment() | {"WORKER_SERVE_TOKEN": token, "WORKER_SERVE_PORT": "0"})

    assert refused.returncode == 78
    assert refused.stderr.startswith("worker: WORKER_SERVE_TOKEN: must be printable ASCII characters without spaces")
    assert token not in refused.stderr


def test_a_port_in_use_is_bad_configuration(stack: Stack, gateway: GatewayProcess) -> None:
    refused = serve(stack.environment() | {"WORKER_SERVE_PORT": gateway.url.rpartition(":")[2]})

    assert refused.returncode == 78
    assert "WORKER_SERVE_PORT: cannot listen on 127.0.0.1" in refused.stderr


def test_an_address_of_another_machine_is_bad_configuration(stack: Stack) -> None:
    refused = serve(
        stack.environment() | {"WORKER_SERVE_HOST": "192.0.2.1", "WORKER_SERVE_PORT": "0", "WORKER_SERVE_TOKEN": "t"}
    )

    assert refused.returncode == 78
    assert "WORKER_SERVE_HOST: cannot listen on 192.0.2.1" in refused.stderr


async def test_with_a_token_jobs_need_it_and_probes_do_not(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, WORKER_SERVE_TOKEN=TOKEN + "\n", WORKER_SERVE_HOST="0.0.0.0")
    gateway.url = gateway.url.replace("0.0.0.0", "127.0.0.1")

    async with (
        gateway.client() as stranger,
        gateway.client(token="wrong") as guesser,
        gateway.client(token=TOKEN) as friend,
    ):
        without, wrong = await stranger.get("/jobs"), await guesser.get("/jobs")
        probe = await stranger.get("/health")
        right = await friend.get("/jobs", headers={"host": "gateway.example.com"})

    assert (without.problem["status"], wrong.problem["status"]) == (401, 401)
    assert without.headers["www-authenticate"] == "Bearer"
    assert (probe.status, right.status, right.json) == (200, 200, [])
    assert not any(TOKEN in json.dumps(line) for line in gateway.process.lines)


async def test_without_a_token_pages_of_other_origins_can_neither_change_nor_read_anything(
    client: GatewayClient, shared: Stack
) -> None:
    foreign = {"origin": "https://evil.example.com"}

    changed = await client.post("/jobs", a_message(shared), headers=foreign)
    rebound = await client.get("/jobs", headers={"host": f"evil.example.com:{free_port()}"})
    malformed = await client.post("/jobs", a_message(shared), headers={"origin": "http://["})
    assert (malformed.status, malformed.headers["content-type"]) == (403, "application/problem+json")
    own = await client.post("/jobs", a_message(shared), headers={"origin": client.url})
    read = await client.get("/jobs", headers=foreign)

    assert (changed.problem["status"], rebound.problem["status"], own.status) == (403, 403, 202)
    assert "access-control-allow-origin" not in read.headers


async def test_browsers_are_allowed_the_origins_of_the_setting(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    page = "https://app.example.com"
    gateway = start_gateway(stack, WORKER_SERVE_CORS_ORIGINS=page, WORKER_SERVE_TOKEN=TOKEN)
    asked = {
        "origin": page,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }

    async with gateway.client() as client:
        preflight = await client.ask("OPTIONS", "/jobs", headers=asked)
        preflights_refused = [
            await client.ask("OPTIONS", "/jobs", headers=asked | change)
            for change in (
                {"origin": "https://evil.example.com"},
                {"access-control-request-method": "PUT"},
                {"access-control-request-headers": "x-other"},
            )
        ]
        refused = await client.get("/jobs", headers={"origin": page})
        foreign = await client.get("/jobs", headers={"origin": "https://evil.example.com"})

    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (200, page)
    assert [answer.problem["detail"] for answer in preflights_refused] == [
        "Disallowed CORS origin",
        "Disallowed CORS method",
        "Disallowed CORS headers",
    ]
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, page)
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_client_that_asks_too_often_is_answered_with_429_and_probes_are_not_counted(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, WORKER_SERVE_REQUESTS_PER_SECOND="1")

    async with gateway.client() as client:
        answers = await asyncio.gather(*(client.get("/jobs/none") for _ in range(30)))
        probes = [await client.get("/livez") for _ in range(20)]

    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {404, 429}
    assert len(refused) >= 15
    assert (refused[0].problem["status"], refused[0].headers["retry-after"]) == (429, "1")
    assert {probe.status for probe in probes} == {200}


async def test_streams_beyond_the_limit_are_refused_until_one_ends(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, WORKER_SERVE_MAX_STREAMS="1")

    async with gateway.client() as client:
        await client.submit(stack, "job")
        async with client.events("job") as events:
            await anext(events)
            refused = await client.get("/jobs/job/events")
        await client.until_open_streams_are(0)
        async with client.events("job") as events:
            allowed = await anext(events)

    assert (refused.problem["status"], refused.headers["retry-after"]) == (503, "2")
    assert allowed.record["status"] == "queued"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/jobs/unknown", b"404"),
        (b"http://127.0.0.1:1/jobs?limit=1", b"200"),
        (b"http://evil.example.com/jobs", b"403"),
    ],
)
async def test_a_target_in_absolute_form_is_judged_by_the_host_that_it_names(
    target: bytes, status: bytes, gateway: GatewayProcess
) -> None:
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()

    assert head.startswith(b"HTTP/1.1 " + status)
    assert status != b"404" or b"there is no job unknown" in body
