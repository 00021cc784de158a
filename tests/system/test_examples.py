"""The web apps in examples/ convert a file beside a real worker."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.sounds import listen, silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess, inherited
from worker.demo import servers

EXAMPLES = Path(__file__).parents[2] / "examples"


def node_20() -> str | None:
    """Node, where it is installed and of version 20 or later."""
    found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    return found if int(version.removeprefix("v").partition(".")[0]) >= 20 else None


NODE = node_20()


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=EXAMPLES,
        env=inherited() | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/openapi.json", timeout=5):
            return True
    except URLError:
        return False


def refusal_of(url: str) -> tuple[int, str]:
    """The status of the answer to a POST, and what FastAPI says in it."""
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(url, method="POST"), timeout=20)
    with refused.value as answer:
        return answer.code, json.load(answer)["detail"]


def leave_amid_the_body(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as client:
        client.sendall(b"POST /lost.wav HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nRIFF")


def test_the_fastapi_app_converts_an_episode_and_streams_its_progress(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    start_worker(stack)
    source = stack.put_source("a.wav", silence(1.0))
    port = servers.free_port()
    url = f"http://{servers.HOST}:{port}"
    command = [sys.executable, "-m", "uvicorn", "--factory", "fastapi_app:make_app", "--port", str(port)]
    environment = {**stack.environment(), "TARGETS": stack.target(""), "PYTHONPATH": str(EXAMPLES.parent)}

    with running(command, environment):
        wait_for(lambda: answers(url) or None, "the app")
        with urlopen(Request(f"{url}/episodes/142?source={source}", method="POST"), timeout=20) as accepted:
            assert accepted.status == 202
        with urlopen(f"{url}/episodes/142/progress", timeout=60) as stream:
            events = stream.read().decode().split("\n\n")
        again, wrong = (refusal_of(f"{url}/episodes/{query}") for query in (f"142?source={source}", "143?source=x"))

    assert events[-2] == "data: 100.0 completed"
    assert again == (409, "job episode-142 exists already (completed)")
    assert wrong[0] == 422
    assert wrong[1].startswith("source: ")
    assert stack.output("142.mp3")


@pytest.mark.skipif(NODE is None, reason="Node 20 is not installed")
def test_the_node_app_converts_what_is_posted_to_it_and_shows_the_way_to_the_output(
    stack: Stack,
    start_worker: Callable[..., WorkerProcess],
    start_gateway: Callable[..., GatewayProcess],
    tmp_path: Path,
) -> None:
    assert NODE is not None
    start_worker(stack)
    gateway = start_gateway(
        stack, WORKER_SERVE_SOURCE=f"s3://{stack.sources}/", WORKER_SERVE_TARGET=f"s3://{stack.targets}/"
    )

    with running([NODE, "node_app.mjs"], {"GATEWAY": gateway.url, "PORT": "0"}) as app:
        assert app.stdout is not None
        url = f"http://127.0.0.1:{int(app.stdout.readline())}"
        with pytest.raises(HTTPError) as unreadable:
            urlopen(f"{url}/%zz", timeout=20)
        unreadable.value.close()
        leave_amid_the_body(url)
        posted = Request(f"{url}/talk%20%C3%A9.wav", silence(2.0), {"content-type": "audio/wav"})
        with urlopen(posted, timeout=60) as answer:
            *progress, last, link = answer.read().decode().splitlines()
        with urlopen(Request(f"{url}/notes.wav", b"only words"), timeout=60) as answer:
            refused = answer.read().decode().splitlines()[-1]
    with urlopen(link, timeout=20) as download:
        (tmp_path / "talk.mp3").write_bytes(download.read())

    assert unreadable.value.code == 400
    assert progress[0].startswith("0 % ")  # a worker may have taken it before it is watched
    assert last == "100 % completed"
    assert listen(tmp_path / "talk.mp3").seconds == pytest.approx(2.0, abs=0.1)
    assert refused.startswith("unsupported_audio: ")
