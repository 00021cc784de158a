"""Real workers among faults, and one without any: the lines that they wrote, and what happened to them.

Both runs go on beside each other for as long as the first heartbeat takes, which is a minute.
"""

from __future__ import annotations

import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.support.aws_calls import Call, aws_error, calls_of
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.promql import Snapshot
from tests.support.sounds import silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

Line = dict[str, Any]
_ENDS = ("job.completed", "job.failed", "job.cancelled")
_ENDS_OF_ATTEMPTS = (*_ENDS, "job.retried", "job.released", "lease.lost")
_LEASE_SECONDS = 12
_SLOTS = 2
_SLOW_SECONDS = 0.08  # for each 16 KiB of a source: six seconds for a long one
_SLOWER_SECONDS = 0.25  # so that a worker is killed over its jobs, and not after them
_LONG_SECONDS = 80
OUTAGE_SECONDS = 4.0
_WAITING_JOBS = 6
# On a machine under load, a slow start is no outage.
_PATIENT = {"REDIS_CONNECT_TIMEOUT_SECONDS": "2", "REDIS_COMMAND_TIMEOUT_SECONDS": "2"}


@dataclass
class Run:
    """What the workers of a run wrote, and what the test knows of the run."""

    lines: list[Line] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)  # in the order of their starts
    completed: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the formats of each job
    failed: dict[str, str] = field(default_factory=dict)  # the code of each job
    refused: int = 0
    redis_was_out_seconds: float = 0.0
    writes_to_the_table: int = 0  # while Redis was out
    killed: str = ""
    waited_seconds: float = 0.0
    died_over: set[str] = field(default_factory=set)
    scraped: list[Snapshot] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    left_waiting: int = 0  # on the queue, when the last worker had ended
    dead_letters: int = 0
    deaf: list[Line] = field(default_factory=list)  # of another worker, whose receives all failed


class _Play:
    """The run with faults, act by act."""

    def __init__(self, stack: Stack, proxy: FaultProxy, redis: servers.Server, settings: dict[str, str]) -> None:
        self.run = Run()
        self.processes: list[WorkerProcess] = []
        self._stack = replace(stack, endpoint=proxy.url, redis_port=redis.port)
        self._proxy = proxy
        self._redis = redis
        self._settings = settings
        self._short = self._stack.put_source("short", silence(2))
        self._long = self._stack.put_source("long", silence(_LONG_SECONDS))

    def play(self) -> Run:
        first = self._start()
        self._good_and_bad_jobs()
        self._dynamodb_is_denied(first)
        self._s3_is_denied()
        self._sqs_is_denied(first)
        self._redis_is_out(first)
        self._messages_wait(first)
        second = self._start()
        self._kill(first, second)
        self._drain(second)
        self.run.lines = [line for process in self.processes for line in process.lines]
        return self.run

    def _start(self) -> WorkerProcess:
        settings = {
            "WORKER_CONCURRENCY": str(_SLOTS),
            "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(_LEASE_SECONDS),
            "WORKER_DRAIN_SECONDS": "2",
        }
        process = WorkerProcess(self._stack.environment() | _PATIENT | settings | self._settings)
        self.processes.append(process)
        self.run.workers.append(process.wait_for("worker.ready")["worker"])
        self.run.scraped.append(scraped(process))
        return process

    def _send(self, job_id: str, source: str, *formats: str) -> None:
        outputs = [{"target": self._stack.target(f"{job_id}.{each}"), "format": each} for each in formats]
        self._stack.send_job(job_id, source, *outputs)

    def _wait_for_end(self, job_id: str, *, timeout: float = 60) -> Line:
        def look() -> Line | None:
            ends = (process.find(event, job_id=job_id) for process in self.processes for event in _ENDS)
            return next((line for line in ends if line is not None), None)

        try:
            return wait_for(look, f"the end of {job_id}", timeout=timeout)
        except AssertionError as error:
            story = [line for process in self.processes for line in process.lines if line.get("job_id") == job_id]
            raise AssertionError("\n".join([str(error), *map(str, story)])) from None

    def _complete(self, job_id: str, source: str, *formats: str) -> None:
        self._send(job_id, source, *formats)
        self._wait_for_end(job_id)
        self.run.completed[job_id] = tuple(sorted(formats))

    def _fail(self, job_id: str, source: str, code: str) -> None:
        self._send(job_id, source, "mp3")
        self._wait_for_end(job_id)
        self.run.failed[job_id] = code

    def _good_and_bad_jobs(self) -> None:
        self._complete("good-1", self._short, "mp3")
        self._complete("good-2", self._short, "mp3")
        self._complete("good-3", self._short, "flac", "opus")
        text = self._stack.put_source("text", b"no sound at all, " * 100)
        self._fail("no-source", f"s3://{self._stack.sources}/none", "source_not_found")
        self._fail("no-audio", text, "unsupported_audio")
        for body in ("no JSON", "{}"):
            self._stack.send(body)
        wait_for(lambda: self._count("message.rejected", outcome="refused") == 2 or None, "two refused messages")
        self.run.refused = 2

    def _dynamodb_is_denied(self, worker: WorkerProcess) -> None:
        self._proxy.add(_denied(lambda call: call.service == "dynamodb"))
        self._send("put-off", self._short, "mp3")
        worker.wait_for("consumption.paused")
        self.run.scraped.append(wait_for(lambda: _while_paused(worker), "the gauge of the pause"))
        self._proxy.restore()
        self._wait_for_end("put-off", timeout=90)
        self.run.completed["put-off"] = ("mp3",)

    def _s3_is_denied(self) -> None:
        self._proxy.add(_denied(lambda call: call.service == "s3" and "denied" in call.key))
        self._fail("denied", self._short, "access_denied")
        self._proxy.restore()

    def _sqs_is_denied(self, worker: WorkerProcess) -> None:
        self._proxy.add(_denied(calls_of("ReceiveMessage")))
        worker.wait_for("poll.failed")
        self._proxy.restore()
        worker.wait_for("poll.recovered", timeout=60)

    def _redis_is_out(self, worker: WorkerProcess) -> None:
        self._proxy.slow(_SLOW_SECONDS)
        self._send("outage", self._long, "mp3")
        worker.wait_for("job.started", job_id="outage")
        self._redis.kill()
        began = time.monotonic()
        worker.wait_for("progress.failed_over", error="connection refused")
        before, returns = len(self._proxy.calls), self._count("progress.failed_back")
        time.sleep(OUTAGE_SECONDS)  # the length of the outage is what the lines have to say
        self._redis.start()
        wait_for(lambda: self._count("progress.failed_back") > returns or None, "the end of the outage")
        self.run.redis_was_out_seconds = time.monotonic() - began
        self.run.writes_to_the_table = sum(
            calls_of("UpdateItem")(call) and b"outage" in call.body for call in self._proxy.calls[before:]
        )
        self._wait_for_end("outage")
        self.run.completed["outage"] = ("mp3",)

    def _messages_wait(self, worker: WorkerProcess) -> None:
        """Two of them run and the others wait when the minute is over."""
        self._proxy.slow(_SLOWER_SECONDS)
        ready = worker.wait_for("worker.ready")["timestamp"]
        wait_for(lambda: _seconds_since(ready) > 52 or None, "the end of the first minute", timeout=60)
        for number in range(_WAITING_JOBS):
            self._send(f"waiting-{number}", self._long, "mp3")
        sent = time.monotonic()
        worker.wait_for("worker.heartbeat", timeout=30)
        self.run.waited_seconds = time.monotonic() - sent  # so long the last of them, at least

    def _kill(self, worker: WorkerProcess, other: WorkerProcess) -> None:
        """Kill the worker while it runs jobs. The other worker does them again, and those that wait."""
        self.run.scraped.append(scraped(worker))
        wait_for(lambda: len(_open_starts(worker)) == _SLOTS or None, "a job in each slot")
        worker.signal(signal.SIGKILL)
        worker.wait()
        self.run.killed = worker.lines[0]["worker"]
        self.run.died_over = _open_starts(worker)
        self._proxy.restore()
        for number in range(_WAITING_JOBS):
            self._wait_for_end(f"waiting-{number}", timeout=90)
            self.run.completed[f"waiting-{number}"] = ("mp3",)
        self.run.scraped.append(scraped(other))

    def _drain(self, worker: WorkerProcess) -> None:
        """Stop the worker during a job too long for the drain. Another one does it, and is stopped without a job."""
        self._proxy.slow(_SLOW_SECONDS)
        self._send("drained", self._long, "mp3")
        worker.wait_for("job.started", job_id="drained")
        worker.signal(signal.SIGTERM)
        worker.wait()
        self.run.released = {"drained"}
        self._proxy.restore()
        last = self._start()
        self._wait_for_end("drained")
        self.run.completed["drained"] = ("mp3",)
        last.signal(signal.SIGTERM)
        last.wait()
        self._send("too-late", self._short, "mp3")
        self.run.left_waiting = self._stack.messages_in(self._stack.queue_url)
        self.run.dead_letters = self._stack.messages_in(self._stack.dead_letter_url)

    def _count(self, event: str, **fields: object) -> int:
        lines = (line for process in self.processes for line in process.lines)
        return sum(
            line["event"] == event and all(line.get(name) == value for name, value in fields.items()) for line in lines
        )


def scraped(process: WorkerProcess) -> Snapshot:
    """What the worker shows to Prometheus."""
    started = process.wait_for("worker.started")
    with urllib.request.urlopen(f"http://{started['http_address']}/metrics", timeout=10) as answer:
        return Snapshot.of(time.time(), answer.read().decode(), started["worker"])


def _open_starts(process: WorkerProcess) -> set[str]:
    """The jobs that run there, as far as its lines say."""
    starts = Counter(line["job_id"] for line in process.lines if line["event"] == "job.started")
    starts.subtract(line["job_id"] for line in process.lines if line["event"] in _ENDS_OF_ATTEMPTS)
    return {job_id for job_id, count in starts.items() if count > 0}


def _while_paused(process: WorkerProcess) -> Snapshot | None:
    shown = scraped(process)
    return shown if max(shown.samples["worker_consumption_paused"].values()) > 0 else None


def _denied(matches: Any) -> Fault:
    def answer(call: Call) -> Any:
        return aws_error(call, 403 if call.service == "s3" else 400, _CODES[call.service])

    return Fault(matches, answer=answer, is_applied=False)


_CODES = {"s3": "AccessDenied", "sqs": "AccessDenied", "dynamodb": "AccessDeniedException"}


def _seconds_since(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()


@contextmanager
def played(faulty: Stack, healthy: Stack, aws_endpoint: str, settings: dict[str, str]) -> Iterator[tuple[Run, Run]]:
    """The run with faults, and that of one worker without any, which goes on meanwhile."""
    with (
        FaultProxy(aws_endpoint).running() as proxy,
        FaultProxy(aws_endpoint).running() as without_receives,
        servers.redis() as redis,
    ):
        without_receives.add(_denied(calls_of("ReceiveMessage")))
        calm = WorkerProcess(healthy.environment() | _PATIENT | {"WORKER_CONCURRENCY": "2"} | settings)
        cut_off = replace(healthy, endpoint=without_receives.url)
        deaf = WorkerProcess(cut_off.environment() | _PATIENT | settings)
        play = _Play(faulty, proxy, redis, settings)
        try:
            calm.wait_for("worker.ready")
            first = scraped(calm)
            source = healthy.put_source("short", silence(2))
            for number in range(3):
                target = {"target": healthy.target(f"calm-{number}"), "format": "mp3"}
                healthy.send_job(f"calm-{number}", source, target)
            run = play.play()
            calm.wait_for("worker.heartbeat", timeout=60)
            deaf.wait_for("worker.heartbeat", timeout=60)
            run.deaf = list(deaf.lines)
            last = scraped(calm)
            calm.signal(signal.SIGTERM)
            calm.wait()
            yield run, Run(calm.lines, scraped=[first, last])
        finally:
            for process in (calm, deaf, *play.processes):
                process.close()
