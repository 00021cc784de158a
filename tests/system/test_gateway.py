"""`worker serve` as a process: jobs over HTTP, and the errors that clients see."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.forking import inherited, run_worker
from tests.support.gateway import GatewayClient, GatewayProcess, a_message
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess

# --- submitting -----------------------------------------------------------------------------------------------------


async def test_a_submitted_job_has_a_queued_record_at_its_location_and_a_message(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    before = shared.messages_in(shared.queue_url)

    submitted = await client.submit(shared, job_id)
    found = await client.get(submitted.headers["location"])

    assert (submitted.status, submitted.json["status"], submitted.json["fence"]) == (202, "queued", 0)
    assert submitted.headers["location"] == f"/jobs/{job_id}"
    assert (found.status, found.json) == (200, submitted.json | {"fresh": True})
    assert shared.messages_in(shared.queue_url) == before + 1


async def test_a_job_without_an_id_gets_a_readable_one_of_its_own(client: GatewayClient, shared: Stack) -> None:
    first, second = [await client.post("/jobs", a_message(shared)) for _ in range(2)]

    assert (first.status, second.status) == (202, 202)
    assert first.json["job_id"] != second.json["job_id"]
    assert first.json["job_id"].startswith("in-20")


async def test_the_same_job_may_be_submitted_again_and_another_with_its_id_is_a_conflict_with_the_record(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    first = await client.submit(shared, job_id)

    again = await client.submit(shared, job_id)
    other = await client.submit(shared, job_id, source=f"s3://{shared.sources}/other.wav")

    assert (again.status, again.json) == (202, first.json)
    assert (other.status, other.problem["record"]) == (409, first.json)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "http://example.com/in.wav"}, "source"),
        ({"outputs": []}, "outputs"),
        ({"job_id": "a b"}, "job_id"),
        (
            {"outputs": [{"target": "s3://bucket/out.flac", "format": "flac", "bitrate_kbps": 1}]},
            "outputs[0].bitrate_kbps",
        ),
        ({"speed": 2}, "speed"),
    ],
)
async def test_a_wrong_message_is_refused_with_the_field(
    client: GatewayClient, shared: Stack, change: dict[str, Any], field: str
) -> None:
    answer = await client.post("/jobs", a_message(shared, "refused") | change)

    assert (answer.status, answer.problem["field"]) == (422, field)
    assert answer.problem["code"] == "invalid_message"
    assert answer.problem["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * (1024**2 + 1), "application/json", 413),
    ],
)
async def test_a_body_that_is_no_message_is_a_problem(
    client: GatewayClient, body: bytes, content_type: str, status: int
) -> None:
    answer = await client.ask("POST", "/jobs", data=io.BytesIO(body), headers={"content-type": content_type})

    assert answer.problem["status"] == status


# --- reading, cancelling, retrying ----------------------------------------------------------------------------------


async def test_what_is_not_there_is_a_problem(client: GatewayClient) -> None:
    requests = [
        ("GET", "/jobs/none"),
        ("DELETE", "/jobs/none"),
        ("POST", "/jobs/none/retry"),
        ("GET", "/jobs/none/events"),
        ("GET", "/jobs/none/outputs/0"),
        ("GET", "/nothing/here"),
    ]

    answers = [await client.ask(method, path) for method, path in requests]

    assert [answer.problem["status"] for answer in answers] == [404] * len(requests)
    assert answers[0].problem["detail"] == "there is no job none"
    wrong = await client.ask("PATCH", "/jobs/none")
    assert (wrong.problem["status"], wrong.headers["allow"]) == (405, "DELETE, GET, HEAD")


async def test_jobs_are_listed_newest_first_by_their_status(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    ids = [unique("listed") for _ in range(3)]
    for job_id in ids:
        await client.submit(shared, job_id)
    await client.ask("DELETE", f"/jobs/{ids[0]}")

    newest = await client.get("/jobs", params={"status": "queued", "limit": "2"})
    cancelled = await client.get("/jobs", params={"status": "cancelled"})
    wrong = await client.get("/jobs", params={"status": "odd", "limit": "0"})

    assert [record["job_id"] for record in newest.json] == [ids[2], ids[1]]
    assert ids[0] in [record["job_id"] for record in cancelled.json]
    assert (wrong.status, wrong.problem["field"]) == (422, "status")
    assert [fault["field"] for fault in wrong.problem["errors"]] == ["status", "limit"]


@pytest.mark.parametrize("name", ["status", "limit"])
async def test_a_parameter_without_a_value_is_refused(name: str, client: GatewayClient) -> None:
    refused = await client.get(f"/jobs?{name}=")

    assert (refused.status, refused.problem["field"]) == (422, name)


async def test_the_link_of_a_full_list_leads_to_the_older_jobs(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    ids = [unique("paged") for _ in range(5)]
    for job_id in ids:
        await client.submit(shared, job_id)

    first = await client.get("/jobs", params={"status": "queued", "limit": "2"})
    second = await client.get(first.headers["link"].removeprefix("<").removesuffix('>; rel="next"'))
    whole = await client.get("/jobs", params={"status": "queued", "limit": "1000"})

    assert [record["job_id"] for record in first.json + second.json] == ids[:0:-1]
    assert [record["job_id"] for record in whole.json][:5] == ids[::-1]
    assert "link" not in whole.headers


@pytest.mark.parametrize(
    "after", ["odd:1795000000000:job", "failed:-1:job", "failed:1795000000000:", "failed", "", f"failed:{10**14}:job"]
)
async def test_a_page_that_begins_nowhere_is_refused(client: GatewayClient, after: str) -> None:
    refused = await client.get("/jobs", params={"after": after})

    assert refused.status == 422
    assert refused.problem["field"] == "after"
    assert refused.problem["detail"].startswith("after: ")


async def test_a_queued_job_is_cancelled_at_once_and_retried_as_its_next_run(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    await client.submit(shared, job_id)

    early = await client.post(f"/jobs/{job_id}/retry")
    cancelled = await client.ask("DELETE", f"/jobs/{job_id}")
    again = await client.ask("DELETE", f"/jobs/{job_id}")
    retried = await client.post(f"/jobs/{job_id}/retry")

    assert (early.status, early.problem["record"]["status"]) == (409, "queued")
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    assert (again.status, again.json) == (202, cancelled.json)
    assert (retried.status, retried.json["status"], retried.json["run"]) == (202, "queued", 2)
    assert retried.headers["location"] == f"/jobs/{job_id}"


async def test_a_job_that_has_ended_cannot_be_cancelled(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str], start_worker: Callable[..., WorkerProcess]
) -> None:
    job_id = unique("job")
    start_worker(shared, WORKER_MAX_ATTEMPTS="1")
    await client.submit(shared, job_id, source=f"s3://{shared.sources}/not-there.wav")
    shared.final_record(job_id)

    answer = await client.ask("DELETE", f"/jobs/{job_id}")

    assert (answer.status, answer.problem["record"]["status"]) == (409, "failed")
    assert answer.problem["record"]["error"]["code"] == "source_not_found"


async def test_a_message_that_the_queue_does_not_take_is_refused_with_the_field_and_its_job_has_failed(
    stack: Stack, start_gateway: Callable[..., GatewayProcess], unique: Callable[[str], str]
) -> None:
    job_id = unique("large")
    stack.aws["sqs"].set_queue_attributes(QueueUrl=stack.queue_url, Attributes={"MaximumMessageSize": "1024"})
    message = a_message(stack, job_id)
    message["outputs"][0]["tags"] = {"lyrics": "la " * 1000}
    async with start_gateway(stack).client() as client:
        refused = await client.post("/jobs", message)
        shown = await client.get(f"/jobs/{job_id}")
        health = await client.get("/health")

    assert (refused.status, refused.problem["field"]) == (422, "body")
    assert (shown.json["status"], shown.json["error"]["code"]) == ("failed", "invalid_message")
    assert health.json["queue"] == {"sent": 0, "send_failures": 0}
    assert stack.messages_in(stack.queue_url) == 0


async def test_head_answers_as_get_without_the_body_and_a_stream_ends_with_its_headers(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("head")
    await client.submit(shared, job_id)
    paths = ["/jobs", f"/jobs/{job_id}", "/jobs/none", f"/jobs/{job_id}/outputs/0", "/uploads", "/health", "/"]

    heads = [await client.ask("HEAD", path) for path in paths]
    gets = [await client.get(path) for path in paths]
    stream = await client.ask("HEAD", f"/jobs/{job_id}/events")
    refused = await client.ask("PUT", "/jobs")

    assert [head.text for head in (*heads, stream)] == [""] * 8
    assert [(head.status, head.headers["content-type"]) for head in heads] == [
        (get.status, get.headers["content-type"]) for get in gets
    ]
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    await client.until_open_streams_are(0)
    assert refused.headers["allow"] == "GET, HEAD, POST"


# --- probes, and the process ----------------------------------------------------------------------------------------


async def test_the_probes_answer_like_a_worker_and_validate_passes(
    client: GatewayClient, gateway: GatewayProcess, shared: Stack, unique: Callable[[str], str]
) -> None:
    gateway.process.wait_for("redis.connected")
    before = (await client.get("/health")).json["queue"]
    await client.submit(shared, unique("sent"))

    health = await client.get("/health")
    metrics = await client.get("/metrics")
    validated = await asyncio.to_thread(run_worker, ["validate", gateway.url, "--json"], env=inherited())

    assert (health.json["status"], health.json["redis"]["state"], health.json["progress_store"]) == (
        "ok",
        "connected",
        "redis",
    )
    assert health.json["queue"] == {"sent": before["sent"] + 1, "send_failures": 0}
    assert health.json["jobs"] == {"running": 0, "slots": 0}
    assert "\ngateway_streams 0.0\n" in metrics.text
    assert "worker_" not in metrics.text  # by them alerts tell that a worker runs
    assert (validated.returncode, json.loads(validated.stdout)["status"]) == (0, "ok"), validated.stdout


def test_the_worker_never_loads_the_gateway(stack: Stack) -> None:
    """What `worker run` and the commands import; the packages of the extra may not even be installed."""
    program = (
        "import sys, pkgutil, importlib, worker.bootstrap, worker.cli\n"
        "for package in (worker.bootstrap, worker.cli):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        if not module.name.endswith('.demo'): importlib.import_module(module.name)\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'fastapi', 'starlette', 'uvicorn'}"
        " or name.startswith('worker.gateway')])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], env=inherited(), capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"
