"""A worker whose credentials come late, and every command where the SDK's configuration cannot work."""

from __future__ import annotations

import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.aws_calls import Call
from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.metadata_service import MetadataService
from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def metadata() -> Iterator[MetadataService]:
    with MetadataService().running() as service:
        yield service


def status_of(process: WorkerProcess, path: str) -> int:
    address = process.wait_for("worker.started")["http_address"]
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code


def test_credentials_that_come_late_are_found_and_jobs_run(
    stack: Stack, start_worker: StartWorker, metadata: MetadataService, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    source = stack.put_source("sound.wav", sound("plain.wav"))
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})
    process = start_worker(stack, **metadata.environment())
    missing = process.wait_for("credentials.missing")

    assert missing["level"] == "warning"
    assert "no credentials; asked were env, " in missing["error"]
    assert "iam-role" in missing["error"]
    assert (status_of(process, "/livez"), status_of(process, "/readyz")) == (200, 503)
    wait_for(lambda: metadata.asked > 2 or None, "the chain being asked again")
    assert process.find("worker.ready") is None

    metadata.has_role = True

    process.wait_for("credentials.found")
    assert stack.final_record(job_id)["status"] == "completed"
    assert status_of(process, "/readyz") == 200
    warnings = [line["event"] for line in process.lines if line["level"] in {"warning", "error"}]
    assert warnings == ["credentials.missing"], process.transcript()


def test_a_metadata_service_that_hangs_delays_neither_http_nor_the_stop(
    stack: Stack, start_worker: StartWorker, metadata: MetadataService
) -> None:
    metadata.answers.clear()
    process = start_worker(stack, **metadata.environment(), AWS_METADATA_SERVICE_TIMEOUT="60")

    began_at = time.monotonic()
    assert (status_of(process, "/livez"), status_of(process, "/readyz")) == (200, 503)
    process.wait_for("worker.started")
    process.signal(signal.SIGTERM)

    assert process.wait() == 0, process.transcript()
    assert time.monotonic() - began_at < 30  # of the 60 that a request to the service may take


def test_keys_that_are_replaced_in_their_file_are_used_for_the_next_request(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    def of_an_old_key(call: Call) -> bool:
        return new.is_set() and "OLDKEY" in call.headers.get("authorization", "")

    file, new, jobs = tmp_path / "credentials", threading.Event(), [unique("job") for _ in range(2)]
    file.write_text("[default]\naws_access_key_id = OLDKEY\naws_secret_access_key = secret\n")
    source = stack.put_source("sound.wav", sound("plain.wav"))
    with FaultProxy(stack.endpoint).running() as proxy:
        keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": str(file)}
        process = start_worker(replace(stack, endpoint=proxy.url), **keys)
        process.wait_for("worker.ready")

        file.write_text("[default]\naws_access_key_id = NEWKEY\naws_secret_access_key = secret\n")
        new.set()
        proxy.refuse(of_an_old_key, 400, "ExpiredTokenException")
        for job_id in jobs:
            stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})

        assert [stack.final_record(job_id)["status"] for job_id in jobs] == ["completed", "completed"]


COMMANDS = (
    ("run",),
    ("submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3"),
    ("status", "job"),
    ("watch", "job"),
    ("cancel", "job"),
    ("doctor",),
)


@pytest.mark.parametrize(
    ("arguments", "variable", "value"),
    [
        *((arguments, "AWS_PROFILE", "nobody") for arguments in COMMANDS),
        (("run",), "AWS_DEFAULT_PROFILE", "nobody"),
        (("run",), "AWS_ENDPOINT_URL", "localhost:5000"),
        (("run",), "AWS_REGION", "eu west 1"),
        (("run",), "AWS_SECRET_ACCESS_KEY", ""),
    ],
)
def test_a_configuration_of_the_sdk_that_cannot_work_is_one_line_and_exit_code_78(
    arguments: tuple[str, ...], variable: str, value: str, stack: Stack
) -> None:
    done = worker(stack, *arguments, **{variable: value})

    named = "AWS_ACCESS_KEY_ID" if variable == "AWS_SECRET_ACCESS_KEY" else variable
    assert (done.returncode, done.stdout) == (78, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"worker: {named}: ")


ROLE = "arn:aws:iam::123456789012:role/worker"
FILES = {
    "a line that is none": ("config", "[default\nregion", "AWS_CONFIG_FILE"),
    "a region that cannot be one": ("config", "[default]\nregion = eu west 1\n", "AWS_REGION"),
    "an endpoint that is no URL": ("config", "[default]\nendpoint_url = localhost:5000\n", "AWS_ENDPOINT_URL"),
    "authorities in no file": ("config", "[default]\nca_bundle = /nonexistent/ca.pem\n", "AWS_CONFIG_FILE"),
    "a retry mode that is none": ("config", "[default]\ndefaults_mode = sometimes\n", "AWS_CONFIG_FILE"),
    "a role without a source": ("config", f"[default]\nrole_arn = {ROLE}\n", "AWS_CONFIG_FILE"),
    "a source that is not there": (
        "config",
        f"[default]\nrole_arn = {ROLE}\nsource_profile = nobody\n",
        "AWS_CONFIG_FILE",
    ),
    "a key without its secret": ("credentials", "[default]\naws_access_key_id = x\n", "AWS_SHARED_CREDENTIALS_FILE"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_sdk_that_cannot_work_is_one_line_and_exit_code_78(
    name: str, stack: Stack, tmp_path: Path
) -> None:
    kind, content, variable = FILES[name]
    (tmp_path / kind).write_text(content)
    paths = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}
    unset = dict.fromkeys(
        ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ""
    )
    if "region" not in name:
        unset["AWS_REGION"] = "eu-central-1"

    done = worker(stack, "status", "job", **unset | {paths[kind]: str(tmp_path / kind)})

    assert (done.returncode, done.stdout) == (78, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"worker: {variable}: ")


def test_a_process_without_home_and_name_can_run(stack: Stack, tmp_path: Path) -> None:
    done = worker(stack, "status", "job", HOME="")

    assert done.returncode == 4, done.stderr
