"""A worker whose log is not read: it works all the same, and a reader that resumes finds every line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.sounds import sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import inherited
from worker.demo.servers import HOST, free_port


@dataclass
class UnreadWorker:
    """A worker whose standard output is a pipe that was full before it began."""

    process: subprocess.Popen[bytes]
    address: str
    reader: int
    filling: int

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=2) as answer:
            text: str = answer.read().decode()
            return text

    def read_log(self) -> list[dict[str, Any]]:
        """All lines up to the end of the process."""
        with os.fdopen(os.dup(self.reader), "rb") as log:
            return [json.loads(line) for line in log.read()[self.filling :].splitlines()]


@pytest.fixture
def worker(stack: Stack) -> Iterator[UnreadWorker]:
    reader, writer = os.pipe()
    filling = _fill(writer)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "run"],
        env=inherited() | stack.environment() | {"WORKER_HTTP_PORT": str(port), "WORKER_DRAIN_SECONDS": "3"},
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    try:
        yield UnreadWorker(process, f"{HOST}:{port}", reader, filling)
    finally:
        process.kill()
        process.communicate()
        os.close(reader)


def _fill(pipe: int) -> int:
    os.set_blocking(pipe, False)
    filling = 0
    with suppress(BlockingIOError):
        while True:
            filling += os.write(pipe, b"." * 4096)
    os.set_blocking(pipe, True)
    return filling


def test_a_log_reader_that_hangs_stops_no_job_and_finds_every_line_later(
    stack: Stack, worker: UnreadWorker, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    target = {"target": stack.target(job_id), "format": "mp3"}
    stack.send_job(job_id, stack.put_source(job_id, sound("plain.wav")), target)

    assert stack.final_record(job_id)["status"] == "completed"
    assert json.loads(worker.get("/health"))["status"] == "ok"
    worker.get("/livez")

    worker.process.send_signal(signal.SIGTERM)
    events = [line["event"] for line in worker.read_log()]
    assert worker.process.wait(10) == 0
    assert events[0] == "worker.started"
    assert events[-1] == "worker.stopped"
    assert "job.completed" in events


def test_a_log_reader_that_never_resumes_does_not_delay_the_exit(worker: UnreadWorker) -> None:
    wait_for(lambda: _is_ready(worker) or None, "a worker that polls")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.process.wait(20) == 0
    assert worker.process.stderr is not None
    assert worker.process.stderr.read() == b""


def _is_ready(worker: UnreadWorker) -> bool:
    with suppress(OSError):
        return bool(worker.get("/readyz"))
    return False
