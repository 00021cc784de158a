"""`worker run` from outside: messages in, objects and records out, signals, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sounds import SECONDS, half_of, listen, run_ffmpeg, sound
from tests.support.stack import Deployment, Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]


def mp3(stack: Stack, key: str) -> dict[str, Any]:
    return {"target": stack.target(key), "format": "mp3"}


# --- a message in, converted audio out -----------------------------------------------------------------------------


def test_a_message_becomes_objects_and_a_record(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack, job_id = deployment.stack, unique("job")
    source = stack.put_source(f"{job_id}/Grüße + 100%.wav", sound("plain.wav"))

    stack.send_job(
        job_id,
        source,
        {"target": stack.target(f"{job_id}.mp3"), "format": "mp3", "bitrate_kbps": 192},
        {"target": stack.target(f"{job_id} ü.opus"), "format": "opus", "bitrate_kbps": 64, "channels": 1},
    )
    record = stack.final_record(job_id)

    assert (record["status"], record["percent"], record["stage"], record["error"]) == ("completed", 100, None, None)
    assert (record["attempt"], record["source"]) == (1, source)
    for key, output in zip((f"{job_id}.mp3", f"{job_id} ü.opus"), record["outputs"], strict=True):
        data = stack.output(key)
        (tmp_path / "output").write_bytes(data)
        assert output["target"] == stack.target(key)
        assert output["bytes"] == len(data)
        assert output["duration_seconds"] == pytest.approx(SECONDS, abs=0.1)
        assert listen(tmp_path / "output").seconds == pytest.approx(SECONDS, abs=0.1)
    head = stack.aws["s3"].head_object(Bucket=stack.targets, Key=f"{job_id}.mp3")
    assert head["ContentType"] == "audio/mpeg"
    assert head["Metadata"]["sha256"] == record["outputs"][0]["sha256"]
    item = stack.item(job_id)
    assert item is not None
    assert int(item["fence"]["N"]) == record["fence"]
    assert int(item["seq"]["N"]) == record["seq"]
    assert "expires_at" in item


def test_a_finished_job_is_skipped_when_its_message_comes_again(
    deployment: Deployment, unique: Callable[[str], str]
) -> None:
    stack, job_id = deployment.stack, unique("job")
    source = stack.put_source(job_id, sound("plain.wav"))
    stack.send_job(job_id, source, mp3(stack, job_id))
    first = stack.final_record(job_id)

    stack.send_job(job_id, source, mp3(stack, job_id))
    deployment.worker.wait_for("job.duplicate_skipped", job_id=job_id)

    assert stack.final_record(job_id) == first


# --- bad input -----------------------------------------------------------------------------------------------------

JOB = {"job_id": "refused", "source": "s3://bucket/key", "outputs": [{"target": "s3://bucket/out", "format": "mp3"}]}
MESSAGES: dict[str, tuple[str, str]] = {  # and the field that the refusal names
    "not JSON": ("{", "body"),
    "wrong type": (json.dumps(JOB | {"outputs": "all"}), "outputs"),
    "unknown field": (json.dumps(JOB | {"colour": "red"}), "colour"),
}


@pytest.mark.parametrize(("body", "field"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_not_a_job_goes_to_the_dead_letter_queue_with_the_name_of_the_field(
    body: str, field: str, deployment: Deployment, unique: Callable[[str], str]
) -> None:
    stack = deployment.stack

    stack.send(body)
    letter = stack.take_dead_letter(body)

    reasons = {name: attribute["StringValue"] for name, attribute in letter["MessageAttributes"].items()}
    assert reasons["error_code"] == "invalid_message"
    assert reasons["error"].startswith(f"{field}: ")
    _the_next_job_succeeds(stack, unique("next"))


def _the_next_job_succeeds(stack: Stack, job_id: str) -> None:
    stack.send_job(job_id, stack.put_source(job_id, sound("plain.wav")), mp3(stack, job_id))
    assert stack.final_record(job_id)["status"] == "completed"


def _playlist(stack: Stack, directory: Path) -> bytes:
    (directory / "secret.mp3").write_bytes(sound("plain.mp3").read_bytes())
    return f"#EXTM3U\n#EXTINF:10,\nfile://{directory}/secret.mp3\n#EXT-X-ENDLIST\n".encode()


def _concat(stack: Stack, directory: Path) -> bytes:
    (directory / "secret.mp3").write_bytes(sound("plain.mp3").read_bytes())
    return f"ffconcat version 1.0\nfile {directory}/secret.mp3\n".encode()


SOURCES: dict[str, tuple[Callable[[Stack, Path], bytes], str]] = {
    "empty": (lambda *_: b"", "unsupported_audio"),
    "text named mp3": (lambda *_: b"This is not audio.\n" * 100, "unsupported_audio"),
    "m3u8 playlist": (_playlist, "unsupported_audio"),
    "ffconcat": (_concat, "unsupported_audio"),
    "video without sound": (lambda *_: sound("silent.mp4").read_bytes(), "no_audio"),
    "half a wav": (lambda _, directory: half_of("plain.wav", directory).read_bytes(), "unsupported_audio"),
    "half an m4a": (lambda _, directory: half_of("end.m4a", directory).read_bytes(), "unsupported_audio"),
    "half a flac": (lambda _, directory: half_of("plain.flac", directory).read_bytes(), "unsupported_audio"),
    "half an mp3": (lambda _, directory: half_of("plain.mp3", directory).read_bytes(), "unsupported_audio"),
    "half an ogg": (lambda _, directory: half_of("plain.ogg", directory).read_bytes(), "unsupported_audio"),
    "over the size limit": (lambda *_: bytes(2_000_001), "source_too_large"),
    "over the duration limit": (lambda *_: sound("long-silence.flac").read_bytes(), "duration_too_long"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_bad_source_has_its_code_and_the_next_job_succeeds(
    name: str, deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    make, code = SOURCES[name]
    stack, job_id = deployment.stack, unique("job")

    stack.send_job(job_id, stack.put_source(f"{job_id}.mp3", make(stack, tmp_path)), mp3(stack, f"{job_id}.mp3"))
    record = stack.final_record(job_id)

    assert (record["status"], record["error"]["code"]) == ("failed", code)
    assert record["percent"] < 100
    assert "Traceback" not in record["error"]["message"]
    _the_next_job_succeeds(stack, unique("next"))


def test_a_missing_or_forbidden_object_has_its_code(deployment: Deployment, unique: Callable[[str], str]) -> None:
    stack, good = deployment.stack, unique("good")
    present = stack.put_source(good, sound("plain.wav"))
    denied = stack.put_source(f"denied/{good}", sound("plain.wav"))
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{stack.sources}/denied/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.aws["s3"].put_bucket_policy(Bucket=stack.sources, Policy=policy)
    cases = [
        (f"s3://{stack.sources}/nothing", mp3(stack, "a"), "source_not_found"),
        ("s3://no-such-bucket-anywhere/key", mp3(stack, "b"), "source_not_found"),
        (denied, mp3(stack, "c"), "access_denied"),
        (present, {"target": "s3://no-such-bucket-anywhere/key", "format": "mp3"}, "target_refused"),
    ]

    for source, output, code in cases:
        job_id = unique("job")
        stack.send_job(job_id, source, output)
        record = stack.final_record(job_id)
        assert (record["status"], record["error"]["code"]) == ("failed", code)

    _the_next_job_succeeds(stack, unique("next"))


def test_a_full_disk_has_its_code_and_the_next_job_succeeds(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    start_worker(stack, limit_file_kib=600, WORKER_MAX_ATTEMPTS="1")
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=10", str(tmp_path / "large.wav"))

    job_id = unique("job")
    stack.send_job(job_id, stack.put_source(job_id, tmp_path / "large.wav"), mp3(stack, job_id))

    assert stack.final_record(job_id)["error"]["code"] == "workspace_full"
    _the_next_job_succeeds(stack, unique("next"))


# --- start and stop ------------------------------------------------------------------------------------------------


def test_the_http_endpoints_answer(deployment: Deployment) -> None:
    address = deployment.worker.wait_for("worker.started")["http_address"]
    base = address if address.startswith("http") else f"http://{address}"

    def get(path: str) -> str:
        with urllib.request.urlopen(base + path, timeout=2) as answer:
            text: str = answer.read().decode()
            return text

    get("/livez")
    get("/readyz")
    health = json.loads(get("/health"))
    assert health["status"] == "ok"
    assert health["redis"]["state"] == "connected"
    assert health["progress_store"] == "redis"
    assert "# HELP" in get("/metrics")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_exits_with_0_on_a_signal(
    stop: signal.Signals, stack: Stack, start_worker: StartWorker
) -> None:
    worker = start_worker(stack, WORKER_DRAIN_SECONDS="0")
    worker.wait_for("worker.ready")

    worker.signal(stop)

    assert worker.wait() == 0, worker.transcript()
    assert worker.lines[-1]["event"] == "worker.stopped"


def test_a_drain_releases_a_job_that_cannot_finish_in_time(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=1200:sample_rate=8000", str(tmp_path / "long.wav"))
    job_id = unique("job")
    source = stack.put_source(job_id, tmp_path / "long.wav")
    outputs = [
        {"target": stack.target(f"{job_id}.{name}"), "format": name, "sample_rate_hz": 48000}
        for name in ("mp3", "m4a", "ogg")
    ]
    worker = start_worker(stack, WORKER_DRAIN_SECONDS="3")
    stack.send_job(job_id, source, *outputs)
    worker.wait_for("job.started", job_id=job_id)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0, worker.transcript()
    assert worker.find("job.released", job_id=job_id), worker.transcript()
    wait_for(lambda: stack.status(job_id) == "queued" or None, "the record of a released job")
    assert stack.messages_in(stack.queue_url) == 1
    assert "Contents" not in stack.aws["s3"].list_objects_v2(Bucket=stack.targets)


def test_a_bad_environment_is_reported_in_one_line_for_each_fault(stack: Stack, start_worker: StartWorker) -> None:
    worker = start_worker(stack, WORKER_QUEUE_URL=f"{stack.queue_url}?x=1", REDIS_PORT="abc", WORKER_CONCURENCY="3")

    assert worker.wait() == 78
    lines = worker.errors.strip().splitlines()
    assert len(lines) == 3, worker.errors
    for name in ("WORKER_QUEUE_URL", "REDIS_PORT", "WORKER_CONCURENCY"):
        assert any(name in line for line in lines), worker.errors


@pytest.mark.parametrize("program", ["/bin/ls", "/bin/echo"])
def test_a_converter_that_is_no_ffmpeg_stops_the_start(program: str, stack: Stack, start_worker: StartWorker) -> None:
    worker = start_worker(stack, WORKER_FFMPEG=program)

    assert worker.wait() == 78
    (line,) = worker.errors.splitlines()
    assert "WORKER_FFMPEG" in line
    assert program in line
    assert worker.lines == []


def test_a_missing_table_is_an_error_in_the_log_from_the_start(stack: Stack, start_worker: StartWorker) -> None:
    worker = start_worker(stack, WORKER_TABLE="no-such-table")

    line = worker.wait_for("check.failed")

    assert (line["level"], line["check"]) == ("error", "table")
    assert line["error"] == "table no-such-table does not exist"
    assert "WORKER_TABLE" in line["advice"]


def test_a_wrong_command_line_exits_with_64() -> None:
    ended = subprocess.run([sys.executable, "-m", "worker", "fly"], capture_output=True, text=True, check=False)

    assert ended.returncode == 64
    assert len(ended.stderr.strip().splitlines()) == 1
