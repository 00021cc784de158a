"""Each policy allows what its role calls, as seen on the wire, and no action that the role never uses."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support.aws_calls import Call, calls_of
from tests.support.cloudformation import DEPLOY
from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.gateway import GatewayProcess
from tests.support.iam import ACTIONS, Right, grants_of
from tests.support.rights import Scene
from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

ROLES = ("worker", "producer", "reader", "canceller", "operator", "gateway")
# Rights that no call to SQS, S3 or DynamoDB shows: ECS's agent uses them for the task, and Redis asks for the last.
SHOWN_ELSEWHERE = {"BeKeptWhileJobsRun", "LogInToRedis"}


def put_to(key: str) -> Callable[[Call], bool]:
    return lambda call: call.action == "PutObject" and call.key == key


def output(stack: Stack, *keys: str) -> list[dict[str, str]]:
    return [{"target": stack.target(key), "format": "mp3"} for key in keys]


def test_the_worker_may_do_all_that_it_and_its_doctor_do_and_nothing_else(
    scene: Scene, start_worker: Callable[..., WorkerProcess]
) -> None:
    stack, proxy = scene.stack, scene.proxy
    source = stack.put_source("a.wav", sound("plain.wav"))
    process = start_worker(stack)
    process.wait_for("worker.ready")

    stack.send_job("good", source, *output(stack, "good.mp3"))
    process.wait_for("job.completed", job_id="good")
    stack.send("no job")
    process.wait_for("message.rejected")
    proxy.hold(put_to("second.mp3"))
    stack.send_job("cancelled", source, *output(stack, "first.mp3", "second.mp3"))
    proxy.wait_held()
    wait_for(lambda: proxy.seen("BatchGetItem") or None, "a look for requests to cancel")
    assert worker(scene.behind, "cancel", "cancelled").returncode == 0
    process.wait_for("job.cancelled", job_id="cancelled")
    proxy.drop()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    done = worker(stack, "doctor", f"s3://{stack.targets}/", "--source", stack.sources)
    assert done.returncode == 0, done.stdout
    _release_a_job(scene, start_worker, source)

    assert scene.judge("worker") == (set(), set())


def _release_a_job(scene: Scene, start_worker: Callable[..., WorkerProcess], source: str) -> None:
    """A worker that stops gives its job back, which is one of the things that it must be allowed to do."""
    with FaultProxy(scene.behind.endpoint).running() as proxy:
        process = start_worker(replace(scene.behind, endpoint=proxy.url), WORKER_DRAIN_SECONDS="2")
        proxy.hold(calls_of("GetObject"))
        scene.stack.send_job("released", source, *output(scene.stack, "released.mp3"))
        proxy.wait_held()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        scene.proxy.calls += proxy.calls


def test_a_producer_may_submit_and_upload_and_nothing_else(scene: Scene, tmp_path: Path) -> None:
    stack = scene.stack
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(20_000_000))
    target = ["--output", stack.target("a.mp3"), "--upload-to", f"s3://{stack.sources}/raw", "--job-id"]

    assert worker(stack, "submit", str(sound("plain.wav")), *target, "first").returncode == 0
    assert worker(stack, "submit", str(sound("plain.wav")), *target, "first").returncode == 0  # a second try
    scene.proxy.refuse(calls_of("UploadPart"), 403, "AccessDenied")
    assert worker(stack, "submit", str(large), *target, "second").returncode == 1
    assert worker(stack, "submit", stack.put_source("a.wav", b""), *target[:2], "--job-id", "x").returncode == 0
    assert worker(stack, "submit", "s3://bucket/a.wav", *target[:2], "--wait", "--timeout", "1").returncode == 124

    assert scene.judge("producer") == (set(), set())


def test_a_reader_may_show_and_list_jobs_and_nothing_else(scene: Scene) -> None:
    assert (
        worker(
            scene.behind, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3", "--job-id", "a"
        ).returncode
        == 0
    )

    assert worker(scene.stack, "status", "a").returncode == 0
    assert worker(scene.stack, "watch", "a", "--timeout", "1").returncode == 124
    assert worker(scene.stack, "jobs").stdout.count("queued") == 1

    assert scene.judge("reader") == (set(), set())


def test_a_canceller_may_cancel_and_nothing_else(scene: Scene) -> None:
    assert (
        worker(
            scene.behind, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3", "--job-id", "a"
        ).returncode
        == 0
    )

    assert worker(scene.stack, "cancel", "a").returncode == 0

    assert scene.judge("canceller") == (set(), set())


def test_an_operator_may_use_every_command_for_jobs_and_nothing_else(
    scene: Scene, start_worker: Callable[..., WorkerProcess]
) -> None:
    stack = scene.stack
    process = start_worker(scene.behind)
    for job_id in ("lost", "lost-too"):
        stack.send_job(job_id, f"s3://{stack.sources}/no-such.wav", *output(stack, "x.mp3"))
        process.wait_for("message.rejected", job_id=job_id)
    process.close()

    assert (
        worker(stack, "submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3", "--job-id", "a").returncode == 0
    )
    assert worker(stack, "status", "a").returncode == 0
    assert worker(stack, "cancel", "a").returncode == 0
    assert worker(stack, "retry", "a").returncode == 0
    assert worker(stack, "redrive", "--limit", "1").returncode == 0
    assert worker(stack, "redrive", "--code", "unsupported_audio").returncode == 0
    assert worker(stack, "jobs").returncode == 0

    assert scene.judge("operator") == (set(), set())


async def test_a_gateway_may_do_all_that_its_requests_ask_for_and_nothing_else(
    scene: Scene, start_worker: Callable[..., WorkerProcess]
) -> None:
    stack = scene.stack
    prefixes = {"WORKER_SERVE_SOURCE": f"s3://{stack.sources}/", "WORKER_SERVE_TARGET": f"s3://{stack.targets}/"}
    stack.put_source("in.wav", sound("plain.wav"))

    with GatewayProcess(stack, **prefixes) as gateway:
        async with gateway.client() as client:
            upload = {"name": "a.wav", "bytes": 1, "content_type": "audio/wav"}
            form = (await client.post("/uploads", upload)).json
            in_parts = [(await client.post("/uploads/multipart", upload)).headers["location"] for _ in range(2)]
            part = (await client.get(f"{in_parts[0]}/parts/1")).json
            async with client.session.put(URL(part["url"], encoded=True), data=b"x") as put:
                assert put.status == 200
            uploaded = [
                (await client.post(f"{in_parts[0]}/complete")).status,
                (await client.post(f"{in_parts[0]}/complete")).status,
                (await client.ask("DELETE", in_parts[1])).status,
            ]
            statuses = [
                (await client.submit(stack, "a")).status,
                (await client.ask("DELETE", "/jobs/a")).status,
                (await client.post("/jobs/a/retry")).status,
                (await client.get("/jobs/a")).status,
                (await client.get("/jobs")).status,
            ]
            start_worker(scene.behind).wait_for("job.completed", job_id="a")
            async with client.events("a") as events:
                seen = [event.record["status"] async for event in events]
            found = await client.get("/jobs/a/outputs/0")
            async with client.session.get(URL(found.headers["location"], encoded=True)) as download:
                assert download.status == 200

    assert (uploaded, statuses, seen) == ([200, 200, 204], [202, 202, 202, 200, 200], ["completed"])
    key = form["fields"]["key"]
    assert scene.judge("gateway", Right("s3:PutObject", f"arn:aws:s3:::{stack.sources}/{key}")) == (set(), set())


@pytest.mark.parametrize("role", ROLES)
def test_the_policy_as_json_is_the_one_of_the_template(scene: Scene, role: str) -> None:
    written = json.loads((DEPLOY / "policies" / f"{role}.json").read_text(encoding="utf-8"))

    made = {statement["Sid"]: statement for statement in scene.policy(role)["Statement"]}

    alone = {each["Sid"]: each for each in written["Statement"] if each["Sid"] not in SHOWN_ELSEWHERE}
    assert {sid: each["Action"] for sid, each in alone.items()} == {sid: each["Action"] for sid, each in made.items()}
    for sid, statement in alone.items():
        assert _shape(statement["Resource"]) == _shape(made[sid]["Resource"])


def _shape(resources: Any) -> list[tuple[str, int]]:
    """Of each ARN the service and the number of its parts, which a name in capitals does not change."""
    listed = [resources] if isinstance(resources, str) else [each for each in resources if each is not None]
    return [(arn.split(":")[2], len(arn.split("/"))) for arn in listed]


# A paginator makes the call that it is named for.
_CALL = r"client\.(?:get_paginator\(\"(?=[a-z]))?((?!get_paginator)[a-z_0-9]+)[(\"]"


def test_each_call_that_the_code_may_make_is_allowed_by_some_policy() -> None:
    """Also the calls that the runs above do not come to, such as those that publish ends of jobs."""
    files = (DEPLOY / "policies").glob("*.json")
    granted = [grant.action for file in files for grant in grants_of(json.loads(file.read_text(encoding="utf-8")))]
    adapters = DEPLOY.parent / "worker" / "adapters"

    calls = {
        "".join(word.capitalize() for word in call.split("_"))
        for vendor in ("aws", "dynamodb", "eventbridge", "s3", "sns", "sqs")
        for file in (adapters / vendor).rglob("*.py")
        for call in re.findall(_CALL, file.read_text(encoding="utf-8"))
    }

    actions = {action.partition(":")[2] for action in granted}
    assert {call for call in calls if ACTIONS.get(call, call) not in actions} == set()
