"""What deploy/compose.yaml runs, as processes with the environment that it gives them, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.sounds import sound
from tests.support.stack import aws_clients
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]


class Composition:
    """The services' names and ports, as those of this machine."""

    def __init__(self, aws_port: int, redis_port: int) -> None:
        self.endpoint = f"http://{servers.HOST}:{aws_port}"
        self._redis_port = redis_port

    def environment(self, service: str) -> dict[str, str]:
        given = {"WORKER_HTTP_PORT": "0", "WORKER_SERVE_PORT": "0"} | {
            name: value.replace("http://aws:5000", self.endpoint)
            for name, value in SERVICES[service]["environment"].items()
        }
        if given.get("REDIS_ENDPOINT") == "redis":
            given |= {"REDIS_ENDPOINT": servers.HOST, "REDIS_PORT": str(self._redis_port)}
        return given

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **self.environment(service)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )


@pytest.fixture(name="composition")
def composition_fixture() -> Iterator[Composition]:
    with servers.aws() as aws, servers.redis() as redis:
        yield Composition(aws.port, redis.port)


def test_the_services_of_the_composition_convert_a_job(
    composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in composition.environment("setup").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")  # of the test's own clients; boto3 reads no other
    set_up = [composition.run("setup", str(DEPLOY / "compose_setup.py")) for _ in range(2)]  # `up` a second time
    assert [(done.returncode, done.stderr) for done in set_up] == [(0, ""), (0, "")]

    with ExitStack() as stack:
        worker = WorkerProcess(composition.environment("worker"))
        stack.callback(worker.close)
        worker.wait_for("worker.ready")
        aws = stack.enter_context(aws_clients(composition.endpoint))
        aws["s3"].put_object(Bucket="sources", Key="a.wav", Body=sound("plain.wav").read_bytes())
        job = ["s3://sources/a.wav", "--output", "s3://targets/a.mp3"]
        done = composition.run("worker", "-m", "worker", "submit", *job, "--wait", "--json")
        assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "completed"), done.stderr
        assert aws["s3"].head_object(Bucket="targets", Key="a.mp3")["ContentLength"] > 0

        gateway = WorkerProcess(composition.environment("gateway"), command="serve")
        stack.callback(gateway.close)
        address = gateway.wait_for("gateway.started")["http_address"]
        port = address.rpartition(":")[2]
        output = {"target": "s3://targets/b.mp3", "format": "mp3"}
        body = json.dumps({"job_id": "b", "source": "s3://sources/a.wav", "outputs": [output]}).encode()
        headers = {"Authorization": f"Bearer {SERVICES['gateway']['environment']['WORKER_SERVE_TOKEN']}"}
        url = f"http://{servers.HOST}:{port}/jobs"
        request = urllib.request.Request(url, body, headers | {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202
        worker.wait_for("job.completed", job_id="b")
        program = [each.replace("8081", port) for each in SERVICES["gateway"]["healthcheck"]["test"][2:]]
        assert subprocess.run([sys.executable, *program], check=False).returncode == 0

    done = composition.run("worker", "-m", "worker", "doctor", "sources", "targets", "--json")
    states = {check["name"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, states["queue"], states["bucket targets"]) == (0, "ok", "ok")
