"""The image, run as a container would run it. `make image-on-debian` builds it, and `make image-check` runs these."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import descendants_of, parent_of
from tests.support.sounds import sound
from tests.support.stack import Deployment, aws_clients, make_stack
from tests.support.worker_process import WorkerProcess

IMAGE = os.environ.get("IMAGE", "localhost/audio-conversion-worker")
IN_CONTAINER = str(Path(__file__).with_name("in_container"))


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    """Docker's configuration of the image."""
    image: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]
    return image


@pytest.fixture(scope="module")
def config(image: dict[str, Any]) -> dict[str, Any]:
    """What the image says of how it is run."""
    config: dict[str, Any] = image["config"]
    return config


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """The image's root directory."""
    container = buildah("from", "--pull-never", IMAGE)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


@pytest.fixture
def container(root: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that runs the image's entry point."""
    monkeypatch.setenv("IMAGE_ENV", "\n".join(config["Env"]))
    return [IN_CONTAINER, str(root), config["User"].partition(":")[0], *config["Entrypoint"]]


@pytest.fixture
def running(container: list[str], aws_endpoint: str, unique: Callable[[str], str]) -> Iterator[Deployment]:
    """A worker in a container, with a stack of its own."""
    with aws_clients(aws_endpoint) as aws:
        stack = make_stack(aws, unique("image"), endpoint=aws_endpoint, redis_port=None)
        settings = {"WORKER_SANDBOX": "required", "WORKER_HTTP_HOST": "127.0.0.1"}
        worker = WorkerProcess(
            stack.environment() | settings | {"IMAGE_ENV": os.environ["IMAGE_ENV"]}, program=container
        )
        try:
            yield Deployment(stack, worker)
        finally:
            worker.close()


def test_it_converts_a_job_as_an_unprivileged_process_1_on_a_read_only_root_and_ends_with_0(
    running: Deployment, unique: Callable[[str], str]
) -> None:
    worker, stack = running.worker, running.stack
    address = worker.wait_for("worker.started", timeout=90)["http_address"]
    worker.wait_for("worker.ready", timeout=90)
    (pid,) = [each for each in descendants_of(worker.pid) if parent_of(each) == worker.pid]
    assert privileges(pid) == {"NSpid": "1", "Uid": "10001", "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}
    assert "ro" in mount_options(pid, "/")

    job_id = unique("job")
    stack.send_job(
        job_id,
        stack.put_source("plain.wav", sound("plain.wav")),
        {"target": stack.target("out.mp3"), "format": "mp3"},
    )
    worker.wait_for("job.completed", job_id=job_id, timeout=90)
    with urllib.request.urlopen(f"http://{address}/health", timeout=10) as answer:
        assert answer.status == 200

    os.kill(pid, signal.SIGTERM)
    assert worker.wait(60) == 0, worker.transcript()
    assert stack.status(job_id) == "completed"


def privileges(pid: int) -> dict[str, str]:
    """What a process is and may do, each as the innermost of its name spaces and the effective id say."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = {name: values.split() for name, _, values in (line.partition(":") for line in lines)}
    return {name: fields[name][-1] for name in ("NSpid", "Uid", "CapEff", "CapBnd", "NoNewPrivs")}


def mount_options(pid: int, where: str) -> list[str]:
    lines = [line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()]
    return next(line[3].split(",") for line in lines if line[1] == where)


def test_the_image_is_smaller_than_400_mb(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]

    assert sum(path.stat().st_size for path in files) < 400e6


def test_bytecode_is_never_compared_with_its_source(root: Path) -> None:
    """Flags 0b01: checked by a hash that nothing looks at (https://peps.python.org/pep-0552/)."""
    sources = list((root / "opt/worker/lib").rglob("*.py"))
    compiled = [path for source in sources for path in source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")]

    assert len(compiled) == len(sources) > 500
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\0\0\0"}


def test_what_is_in_the_image_is_listed_with_its_licences(root: Path) -> None:
    document = json.loads((root / "opt/worker/share/sbom.cdx.json").read_text())
    licences = root / "opt/worker/share/licenses/ffmpeg"

    names = {each["name"] for each in document["components"]}
    (ffmpeg,) = [each for each in document["components"] if each["name"] == "ffmpeg"]
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert {"aioboto3", "botocore", "redis", "pydantic", "ffmpeg"} <= names
    assert not {"rich", "pygments"} & names
    assert ffmpeg["version"] in (licences / "OFFER.txt").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in (licences / "GPL-3.0.txt").read_text()


def test_nothing_that_only_a_build_or_a_demo_needs_is_in_the_image(root: Path) -> None:
    (packages,) = (root / "opt/worker/lib").glob("python3.*/site-packages")

    assert not [name for name in ("pip", "setuptools", "rich", "pygments") if (packages / name).exists()]
    assert not (packages / "worker/demo").exists()


def test_the_image_says_what_it_is_and_how_it_is_run(config: dict[str, Any]) -> None:
    labels = {name.rpartition(".")[2] for name in config["Labels"] if name.startswith("org.opencontainers.image.")}

    assert {"title", "description", "licenses", "version", "revision"} <= labels
    assert (config["Entrypoint"], config["Cmd"], config["User"]) == (["worker"], ["run"], "10001:10001")
    assert (config["StopSignal"], config["Healthcheck"]["Test"][:2]) == ("SIGTERM", ["CMD", "python"])


def test_nothing_in_the_image_is_of_one_build_alone(image: dict[str, Any]) -> None:
    assert not image.get("container")
    assert not image["config"].get("Hostname")
    assert not [step for step in image["history"] if step.get("comment")]
