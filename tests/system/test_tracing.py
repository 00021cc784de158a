"""Spans of jobs, as a collector receives them, and a collector that cannot be reached."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.support.black_hole import BlackHole
from tests.support.budgets import check_budget
from tests.support.collector import a_collector
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess, inherited
from worker.demo import servers

StartWorker = Callable[..., WorkerProcess]
Unique = Callable[[str], str]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEPS = ("receive", "download", "convert", "upload", "commit")
FEW = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"}  # spans that the SDK keeps
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # milliseconds: the SDK waits for five seconds otherwise


def send(stack: Stack, job_id: str, source: str, traceparent: str | None = None) -> None:
    body = {"job_id": job_id, "source": source, "outputs": [{"target": stack.target(job_id), "format": "flac"}]}
    attributes = {} if traceparent is None else {"traceparent": {"DataType": "String", "StringValue": traceparent}}
    stack.aws["sqs"].send_message(QueueUrl=stack.queue_url, MessageBody=json.dumps(body), MessageAttributes=attributes)


def test_the_steps_of_a_job_are_spans_in_the_trace_of_its_message(
    stack: Stack, start_worker: StartWorker, unique: Unique
) -> None:
    with a_collector() as collector:
        worker = start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **SOON)
        sent_at, job_id = time.time_ns(), unique("job")
        send(stack, job_id, stack.put_source("a.wav", sound("plain.wav")), f"00-{TRACE}-{SPAN}-01")

        spans = collector.trace_of(job_id)

        whole = spans.pop("job")
        assert (whole.trace_id, whole.parent_id, whole.is_error) == (TRACE, SPAN, False)
        assert tuple(spans) == STEPS
        assert {each.trace_id for each in spans.values()} == {TRACE}
        assert whole.attributes["job.outcome"] == "completed"
        assert whole.resource["service.name"] == "audio-conversion-worker"
        assert whole.resource["service.instance.id"] == worker.find("job.completed")["worker"]  # type: ignore[index]
        assert sent_at <= whole.begun_at <= spans["download"].begun_at <= spans["commit"].ended_at <= time.time_ns()


def test_the_spans_of_a_job_that_fails_say_so_and_those_that_are_left_are_sent_at_the_end(
    stack: Stack, start_worker: StartWorker, unique: Unique
) -> None:
    with a_collector() as collector:
        settings = {"OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_SERVICE_NAME": "podcasts"}
        worker = start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **settings)
        job_id = unique("job")
        send(stack, job_id, f"s3://{stack.sources}/missing.wav")
        worker.wait_for("job.failed")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0

        whole = collector.trace_of(job_id)["job"]

        assert (whole.is_error, whole.attributes["error.type"], whole.parent_id) == (True, "source_not_found", "")
        assert whole.resource["service.name"] == "podcasts"


def test_a_trace_that_its_sender_does_not_record_has_no_spans(
    stack: Stack, start_worker: StartWorker, unique: Unique
) -> None:
    with a_collector() as collector:
        start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **SOON)
        source = stack.put_source("a.wav", sound("plain.wav"))
        hidden, shown = unique("job"), unique("job")
        send(stack, hidden, source, f"00-{TRACE}-{SPAN}-00")
        stack.final_record(hidden)
        send(stack, shown, source)
        collector.trace_of(shown)

        assert {each.attributes.get("job.id") for each in collector.spans} == {shown, None}
        assert TRACE not in {each.trace_id for each in collector.spans}


def test_a_collector_that_never_answers_neither_slows_a_job_nor_the_end(
    stack: Stack, start_worker: StartWorker, unique: Unique
) -> None:
    port = servers.free_port()
    hole = BlackHole(port)
    try:
        endpoint = f"http://{servers.HOST}:{port}"
        worker = start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **SOON, **FEW)
        source = stack.put_source("a.wav", sound("plain.wav"))
        jobs = [unique("job") for _ in range(20)]
        for job_id in jobs:
            send(stack, job_id, source)
        done = [worker.wait_for("job.completed", job_id=job_id) for job_id in jobs]
        began_at = time.monotonic()
        worker.signal(signal.SIGTERM)

        assert worker.wait() == 0
        end_seconds = time.monotonic() - began_at
        assert worker.find("library.logged") is None
        check_budget(end_seconds, 10, "the end")
        check_budget(max(line["duration_seconds"] for line in done), 5, "a job")
    finally:
        hole.close()


def test_an_outage_of_the_collector_is_logged_once_and_so_is_its_end(
    stack: Stack, start_worker: StartWorker, unique: Unique
) -> None:
    with a_collector() as collector:
        collector.is_broken = True
        worker = start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **SOON)
        source = stack.put_source("a.wav", sound("plain.wav"))
        for job_id in [unique("job") for _ in range(3)]:
            send(stack, job_id, source)
            worker.wait_for("job.completed", job_id=job_id)
        failed = worker.wait_for("tracing.failed")
        collector.is_broken = False
        last = unique("job")
        send(stack, last, source)
        collector.trace_of(last)
        recovered = worker.wait_for("tracing.recovered")

        assert "400" in failed["error"]
        assert recovered["spans_lost"] >= len(STEPS)
        assert [line["event"] for line in worker.lines].count("tracing.failed") == 1
        assert worker.find("library.logged") is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "8"}, "max_queue_size"),
        ({"PYTHONPATH": "{missing}"}, "[otel]"),
        (
            {"PYTHONPATH": "{other}"},
            "is not ours",
        ),  # as OpenTelemetry's operator for Kubernetes puts packages in front
    ],
)
def test_a_worker_that_cannot_speak_to_the_collector_says_so_and_works(
    settings: dict[str, str],
    problem: str,
    stack: Stack,
    start_worker: StartWorker,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry.sdk'] = None\n", encoding="utf-8")
    other = tmp_path_factory.mktemp("other")
    (other / "google" / "protobuf").mkdir(parents=True)
    (other / "google" / "protobuf" / "__init__.py").write_text("raise TypeError('this version is not ours')\n")
    settings = {name: value.format(missing=site, other=other) for name, value in settings.items()}

    worker = start_worker(stack, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **settings)

    worker.wait_for("worker.ready")
    assert problem in worker.wait_for("tracing.failed")["error"]


def test_without_a_collector_nothing_of_tracing_is_imported(stack: Stack) -> None:
    program = (
        "import sys, worker.__main__, worker.bootstrap.run\n"
        "sys.argv = ['worker', 'run', '--max-jobs', '1']\n"
        "import atexit\n"
        "atexit.register(lambda: print([name for name in sys.modules if name.startswith(\n"
        "    ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'worker.adapters.otel'))], file=sys.stderr))\n"
        "sys.exit(worker.__main__.main())\n"
    )
    stack.send("no job")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**inherited(), **stack.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr.strip()) == (0, "[]")
