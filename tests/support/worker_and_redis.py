"""A worker whose Redis can be broken in every way, and what can be observed of it from outside."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.support.fault_proxy import FaultProxy
from tests.support.processes import thaw
from tests.support.redis_faults import NAMED, PASSWORD, BreakableRedis, Fault
from tests.support.sounds import sound
from tests.support.stack import Stack, make_stack, wait_for
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

T = TypeVar("T")

OUTAGE_EVENTS = ("redis.unavailable", "progress.failed_over", "progress.failed_back")
SLOTS = 6
_WHOLE = "worker_progress_duration_seconds"
_OF_STORE = "worker_progress_write_duration_seconds"
_PIECE_SECONDS = 0.05  # for each 16 KiB to and from S3: a job takes two seconds, and hardly any CPU


class Writes:
    """How long the worker's writes of progress have taken so far, from `/metrics`."""

    def __init__(self, metrics: str) -> None:
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): int(sample.value)
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
        }

    @property
    def count(self) -> int:
        return self._value(f"{_WHOLE}_count")

    @property
    def to_redis(self) -> int:
        """How many writes Redis has applied."""
        return self._value("worker_progress_writes_total", store="redis", outcome="applied")

    def longer_than(self, seconds: float, *, store: str | None = None) -> int:
        """How many took longer than `seconds`, a bucket's bound: to one store, or, with None, until either had it."""
        name, labels = (_WHOLE, {}) if store is None else (_OF_STORE, {"store": store})
        within = self._value(f"{name}_bucket", le=str(float(seconds)), **labels)
        return self._value(f"{name}_count", **labels) - within

    def _value(self, name: str, **labels: str) -> int:
        return self._samples.get((name, frozenset(labels.items())), 0)


class WorkerAndRedis:
    """A worker with a Redis of its own, reached by name, through a proxy, or through a proxy with TLS."""

    def __init__(
        self, stack: Stack, worker: WorkerProcess, breakable: BreakableRedis, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.stack = stack
        self.worker = worker
        self.breakable = breakable
        self._loop = loop
        self._source = stack.put_source("a source", sound("plain.wav"))

    def send(self, job_ids: Collection[str]) -> None:
        """Send the jobs and wait until all have started."""
        for job_id in job_ids:
            self.stack.send_job(job_id, self._source, {"target": self.stack.target(job_id), "format": "mp3"})
        for job_id in job_ids:
            self.worker.wait_for("job.started", job_id=job_id)

    def finish(self, job_ids: Collection[str]) -> None:
        """Wait until DynamoDB says that they are completed."""
        wait_for(lambda: all(self.stack.status(each) == "completed" for each in job_ids) or None, f"{job_ids} done")

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        _run(self._loop, fault.begin(self.breakable))
        try:
            yield
        finally:
            _run(self._loop, fault.end(self.breakable))

    def cached_status(self, job_id: str) -> str | None:
        """The status of the job's record in Redis."""
        text = self.breakable.command("HGET", f"audio:job:{job_id}", "record")
        return None if text is None else json.loads(text)["status"]

    def outage_lines(self) -> list[int]:
        """How many lines of each event of an outage the worker has logged."""
        return [sum(line["event"] == event for line in self.worker.lines) for event in OUTAGE_EVENTS]

    def get(self, path: str) -> bytes:
        """The body of an answer that says 200."""
        address = self.worker.wait_for("worker.started")["http_address"]
        with urllib.request.urlopen(f"http://{address}{path}", timeout=2) as answer:
            body: bytes = answer.read()
        return body

    def health(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get("/health"))
        return document

    def health_seconds(self) -> list[float]:
        """How long five requests for `/health` take, the shortest first."""
        seconds = []
        for _ in range(5):
            began_at = time.perf_counter()
            self.health()
            seconds.append(time.perf_counter() - began_at)
        return sorted(seconds)

    def writes(self) -> Writes:
        return Writes(self.get("/metrics").decode())


@contextmanager
def a_worker_and_redis(
    aws: dict[str, Any], aws_endpoint: str, name: str, directory: Path, *, is_proxied: bool, has_tls: bool
) -> Iterator[WorkerAndRedis]:
    s3 = FaultProxy(aws_endpoint)
    with servers.redis("--requirepass", PASSWORD) as server, s3.running(), _running_loop() as loop:
        breakable = BreakableRedis(server, directory)
        stack = make_stack(
            aws, name, endpoint=aws_endpoint, redis_port=breakable.proxy.port if is_proxied else server.port
        )
        settings = {
            "REDIS_PASSWORD": PASSWORD,
            "WORKER_CONCURRENCY": str(SLOTS),
            "AWS_ENDPOINT_URL_S3": s3.url,
        }
        if is_proxied:
            _run(loop, breakable.proxy.start(breakable.certificate.server() if has_tls else None))
        else:
            settings |= breakable.resolver.environment | {"REDIS_ENDPOINT": NAMED}
        if has_tls:
            settings |= {"REDIS_TLS": "true", "SSL_CERT_FILE": str(breakable.certificate.file)}
        s3.slow(_PIECE_SECONDS)
        worker = WorkerProcess(stack.environment() | settings)
        try:
            worker.wait_for("redis.connected")
            yield WorkerAndRedis(stack, worker, breakable, loop)
        finally:
            thaw(server)
            breakable.resolver.answer()
            worker.close()
            _run(loop, breakable.proxy.stop())


@contextmanager
def _running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop on a thread of its own: proxies are served while a test waits for something else."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, step: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(step, loop).result(30)
