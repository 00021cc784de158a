"""What options cost in rights beside the worker's policy, as seen on the wire: no more than deploy/README.md says."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import boto3  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY
from tests.support.commands import worker
from tests.support.iam import grants_of
from tests.support.rights import Scene
from tests.support.sounds import silence, sound
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]
KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def test_objects_with_a_key_a_class_and_an_acl_of_one_s_own_need_what_the_page_says(
    scene: Scene, start_worker: StartWorker
) -> None:
    stack = scene.stack
    options = {
        "WORKER_S3_SSE": "aws:kms",
        "WORKER_S3_KMS_KEY_ID": KEY,
        "WORKER_S3_ACL": "bucket-owner-full-control",
        "WORKER_S3_REQUEST_PAYER": "requester",
        "WORKER_S3_STORAGE_CLASS": "STANDARD_IA",
    }
    large = {"target": stack.target("large.wav"), "format": "wav", "sample_rate_hz": 48_000, "channels": 2}

    process = start_worker(stack, **options)
    stack.send_job(
        "job", stack.put_source("a.wav", silence(100)), {"target": stack.target("a.mp3"), "format": "mp3"}, large
    )
    process.wait_for("job.completed", job_id="job")
    assert worker(stack, "doctor", f"s3://{stack.targets}/", "--source", stack.sources, **options).returncode == 0

    denied, _ = scene.judge("worker")
    keys = {right.resource for right in denied if right.action == "s3:PutObjectAcl"}
    assert {f"arn:aws:s3:::{stack.targets}/{name}" for name in ("a.mp3", "large.wav")} <= keys
    assert {right.action for right in denied} == {"s3:PutObjectAcl", "kms:GenerateDataKey", "kms:Decrypt"}
    assert {right.resource for right in denied if right.action.startswith("kms:")} == {KEY}
    assert all(key.startswith(f"arn:aws:s3:::{stack.targets}/") for key in keys)


def test_streams_joins_reports_and_waveforms_need_no_more_than_other_jobs(
    scene: Scene, start_worker: StartWorker
) -> None:
    stack = scene.stack
    source = stack.put_source("a.wav", sound("plain.wav"))
    outputs: list[dict[str, Any]] = [
        {"target": stack.target("stream/"), "format": "hls", "bitrates_kbps": [64]},
        {"target": stack.target("a.report.json"), "format": "report"},
        {"target": stack.target("a.json"), "format": "waveform"},
    ]
    process = start_worker(stack)

    stack.send_job("stream", source, *outputs)
    process.wait_for("job.completed", job_id="stream")
    joined = {"job_id": "joined", "source": [{"source": source}, {"source": source}]}
    stack.send(joined | {"outputs": [{"target": stack.target("j.mp3"), "format": "mp3"}]})
    process.wait_for("job.completed", job_id="joined")

    assert scene.judge("worker")[0] == set()


def test_ends_of_jobs_need_the_policy_of_events_beside_the_worker_s_and_all_of_it(
    scene: Scene, start_worker: StartWorker
) -> None:
    stack = scene.stack
    with closing(boto3.client("sns", endpoint_url=scene.behind.endpoint)) as sns:
        topic = sns.create_topic(Name=f"{stack.table}-ends")["TopicArn"]
    with closing(boto3.client("events", endpoint_url=scene.behind.endpoint)) as events:
        bus = events.create_event_bus(Name=f"{stack.table}-ends"[:64])["EventBusArn"]
    told = {"WORKER_EVENT_TOPIC_ARN": topic, "WORKER_EVENT_BUS": bus}

    process = start_worker(stack, **told)
    stack.send_job(
        "job", stack.put_source("a.wav", sound("plain.wav")), {"target": stack.target("a.mp3"), "format": "mp3"}
    )
    process.wait_for("job.completed", job_id="job")
    assert worker(stack, "doctor", **told).returncode == 0

    written = (DEPLOY / "policies" / "events.json").read_text(encoding="utf-8")
    named = json.loads(written)
    for statement in named["Statement"]:
        statement["Resource"] = topic if ":sns:" in statement["Resource"] else bus
    of_events = grants_of(named)
    denied, unused = scene.judge_grants([*grants_of(scene.policy("worker")), *of_events])
    assert denied == set()
    assert {action for _, action in unused} & {grant.action for grant in of_events} == set()
