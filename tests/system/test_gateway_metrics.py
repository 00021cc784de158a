"""What `/metrics` of `worker serve` shows, and what it answers at the limits of its connections and of HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from tests.support.gateway import PROBLEM, GatewayClient, GatewayProcess
from tests.support.stack import Stack

OPEN_FILES = 100  # of which the gateway keeps 64 for itself


async def metrics_of(client: GatewayClient) -> dict[str, float]:
    """The samples of `/metrics`, as Prometheus writes them: `name{label="value"}`."""
    answer = await client.get("/metrics")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True, separators=(",", ":")): sample.value
        for sample in samples
    }


def requests(route: str, status: int, method: str = "GET") -> str:
    labels = {"method": method, "route": route, "status": str(status)}
    return "gateway_requests_total" + json.dumps(labels, separators=(",", ":"))


def answers(route: str, method: str = "GET") -> str:
    labels = {"method": method, "route": route}
    return "gateway_response_duration_seconds_count" + json.dumps(labels, separators=(",", ":"))


async def test_requests_are_counted_by_route_and_status_and_timed_and_streams_are_counted(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    async with start_gateway(stack).client() as client:
        await client.submit(stack, "job")
        await client.post("/jobs", {"source": 1})
        for path in ("/jobs/job", "/jobs/none", "/jobs/other", "/page/jobs.js", "/nowhere/1", "/nowhere/2"):
            await client.get(path)
        await client.ask("BREW", "/jobs/job")
        async with client.events("job") as events:
            await anext(events)
            with_stream = await metrics_of(client)
        await client.until_open_streams_are(0)
        without = await metrics_of(client)

    assert with_stream[requests("/jobs", 202, "POST")] == with_stream[requests("/jobs", 422, "POST")] == 1
    assert with_stream[answers("/jobs", "POST")] == 2
    assert with_stream[requests("/jobs/{job_id}", 200)] == 1
    assert with_stream[requests("/jobs/{job_id}", 404)] == 2
    assert with_stream[requests("/page/jobs.js", 200)] == 1
    assert with_stream[requests("", 404)] == 2
    assert with_stream[requests("/jobs/{job_id}/events", 200)] == 1
    assert any('"method":"other"' in name for name in with_stream)
    assert not any("nowhere" in name or "BREW" in name for name in with_stream)
    assert (with_stream["gateway_streams{}"], without["gateway_streams{}"]) == (1, 0)


async def test_variables_that_an_image_sets_for_servers_of_several_processes_change_nothing(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    several = {"WEB_CONCURRENCY": "auto", "PROMETHEUS_MULTIPROC_DIR": "/nonexistent"}
    async with start_gateway(stack, **several).client() as client:
        metrics = await metrics_of(client)

    assert "process_open_fds{}" in metrics


async def test_a_gateway_shows_no_series_of_a_worker_and_needs_no_token_for_its_own(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    async with start_gateway(stack, WORKER_SERVE_TOKEN="secret").client() as client:
        assert (await client.get("/jobs")).status == 401
        shown = await metrics_of(client)

    assert shown[requests("", 401)] == 1
    assert any(name.startswith("gateway_info") for name in shown)
    assert any(name.startswith("process_") for name in shown)
    assert not any(name.startswith("worker_") for name in shown)


async def test_connections_beyond_the_open_files_are_refused_with_a_problem_and_closed_and_probes_are_answered(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, OPEN_FILES)
    address = urlsplit(gateway.url)
    connecting = (asyncio.open_connection(address.hostname, address.port) for _ in range(OPEN_FILES - 64))
    idle = [writer for _, writer in await asyncio.gather(*connecting)]
    async with gateway.client() as client:
        probe = await client.get("/livez")
        refused = await client.get("/jobs")

    for writer in idle:
        writer.close()
        await writer.wait_closed()
    async with gateway.client() as client, asyncio.timeout(30):
        while (again := await client.get("/jobs")).status == 503:  # noqa: ASYNC110 - until it has seen the ends
            await asyncio.sleep(0.05)

    assert (probe.status, refused.status, again.status) == (200, 503, 200)
    assert refused.problem["detail"] == "too many connections are open"
    assert (refused.headers["connection"], refused.headers["retry-after"]) == ("close", "2")


async def test_clients_that_complete_no_request_make_room_for_others(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, OPEN_FILES)
    address = urlsplit(gateway.url)
    connecting = (asyncio.open_connection(address.hostname, address.port) for _ in range(OPEN_FILES - 64))
    connected = await asyncio.gather(*connecting)
    for _, writer in connected[::2]:
        writer.write(b"GET /jobs HTTP/1.1\r\nHost: x\r\n")

    async with gateway.client() as client:
        refused = await client.get("/jobs")
    ends = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in connected)), 60)
    async with gateway.client() as client:
        again = await client.get("/jobs")

    for _, writer in connected:
        writer.close()
    assert (refused.status, set(ends), again.status) == (503, {b""}, 200)


async def test_a_flood_of_idle_connections_keeps_neither_probes_nor_the_table_from_answering(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack, OPEN_FILES)
    address = urlsplit(gateway.url)
    probes = []
    connected = []

    for _ in range(5):
        connecting = (asyncio.open_connection(address.hostname, address.port) for _ in range(OPEN_FILES))
        connected += await asyncio.gather(*connecting)
        async with gateway.client() as client:
            probes.append(await client.get("/livez"))
    async with gateway.client() as client, asyncio.timeout(30):
        while (again := await client.get("/jobs")).status == 503:  # noqa: ASYNC110 - until the idle ones are gone
            await asyncio.sleep(0.05)

    for _, writer in connected:
        writer.close()
    assert [probe.status for probe in probes] == [200] * 5
    assert max(probe.seconds for probe in probes) < 2
    assert again.status == 200
    problems = [line["event"] for line in gateway.process.lines if line["level"] in {"warning", "error"}]
    problems = [event for event in problems if event != "redis.unavailable"]  # its time is over soon on a busy machine
    assert problems == ["gateway.limited"]


async def test_what_is_no_http_is_refused_with_a_problem_and_counted_and_not_logged(gateway: GatewayProcess) -> None:
    unreadable = requests("", 400, "other")
    async with gateway.client() as client:
        before = (await metrics_of(client)).get(unreadable, 0)
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    writer.write(b"GET /jobs HTTP/1.1\r\nno header\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    writer.close()

    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"content-type: {PROBLEM}".encode() in head
    assert json.loads(body)["status"] == 400
    async with gateway.client() as client:
        assert (await metrics_of(client))[unreadable] == before + 1
    assert gateway.process.find("library.logged") is None  # a scanner would fill the log


async def test_a_request_of_another_version_of_http_is_refused_with_a_problem_and_counted(
    gateway: GatewayProcess,
) -> None:
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    writer.write(b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    writer.close()

    assert head.startswith(b"HTTP/1.1 505 ")
    assert f"content-type: {PROBLEM}".encode() in head
    assert json.loads(body)["detail"] == "HTTP/9.9 is not spoken here; HTTP/1.1 is"
    async with gateway.client() as client:
        assert (await metrics_of(client))[requests("", 505)] == 1
