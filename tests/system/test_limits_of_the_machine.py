"""A worker on ECS, whose task has less than the machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


class Agent(BaseHTTPRequestHandler):
    """Says that the task has half a CPU and 128 MiB."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"Limits": {"CPU": 0.5, "Memory": 128}}).encode())

    def log_message(self, *_arguments: object) -> None:
        """Nothing is written."""


@pytest.fixture(name="metadata_uri")
def metadata_uri_fixture() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Agent) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v4/abc"
        finally:
            server.shutdown()
            thread.join()


def test_the_task_decides_how_many_jobs_run_at_once_and_memory_that_may_not_suffice_is_said(
    stack: Stack, start_worker: Callable[..., WorkerProcess], metadata_uri: str
) -> None:
    worker = start_worker(stack, ECS_CONTAINER_METADATA_URI_V4=metadata_uri)

    assert worker.wait_for("worker.started")["settings"]["WORKER_CONCURRENCY"] == 1
    assert "128 MiB" in worker.wait_for("memory.overcommitted")["error"]


def test_a_concurrency_that_is_set_is_kept(
    stack: Stack, start_worker: Callable[..., WorkerProcess], metadata_uri: str
) -> None:
    worker = start_worker(stack, ECS_CONTAINER_METADATA_URI_V4=metadata_uri, WORKER_CONCURRENCY="3")

    assert worker.wait_for("worker.started")["settings"]["WORKER_CONCURRENCY"] == 3
