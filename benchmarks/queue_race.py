"""One contender and one full queue: it is started, warmed up, frozen while the queue is filled, then measured."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.queue_emulator import CALLS_PATH
from benchmarks.queue_jobs import audio_job, celery_job, taskiq_job

_BATCH = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_WARM_UP_JOBS = 50
_WARM_UP_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_round = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Contender:
    """A module that consumes the queue that it is given, and the message format of its jobs.

    `share` is its share of the jobs: smaller where a job takes long, so that it can finish.
    """

    name: str
    module: str
    body: Callable[[str], str]
    arguments: tuple[str, ...] = ()
    share: float = 1.0


OURS = Contender("worker", "benchmarks.queue_ours", audio_job, ("nothing",))
OURS_AT_WORK = Contender("worker, jobs of 1 s", "benchmarks.queue_ours", audio_job, ("second",))
PEERS = (
    Contender("plain loop", "benchmarks.queue_plain", audio_job, ("nothing",)),
    Contender("taskiq", "benchmarks.queue_taskiq", taskiq_job),
    Contender("celery", "benchmarks.queue_celery", celery_job, ("early",)),
    Contender("celery, acks_late", "benchmarks.queue_celery", celery_job, ("late",)),
)
# Not compared with the others: the cost of a job with claims and records, and the calls made when jobs take longer.
BESIDE = (
    Contender("worker with records", "benchmarks.queue_ours", audio_job, ("whole",), share=0.1),
    Contender("plain loop with records", "benchmarks.queue_plain", audio_job, ("records",), share=0.1),
    OURS_AT_WORK,
)


@dataclass(frozen=True, slots=True)
class Race:
    """What it took to empty the queue, deletes included. `calls` counts the calls to the emulator."""

    jobs: int
    wall_seconds: float
    cpu_seconds: float
    calls: Mapping[str, int]

    @property
    def jobs_per_second(self) -> float:
        return self.jobs / self.wall_seconds

    @property
    def cpu_ms_per_job(self) -> float:
        return self.cpu_seconds / self.jobs * 1000

    def calls_per_job(self, service: str) -> float:
        return sum(count for call, count in self.calls.items() if call.startswith(f"{service} ")) / self.jobs


async def race(contender: Contender, sqs: Any, endpoint: str, *, jobs: int, limit_seconds: float, log: Path) -> Race:
    """Let the contender empty a queue of `jobs`, for at most `limit_seconds`. `sqs` is the client that fills it.

    Raises RuntimeError, with the contender's output, if it does nothing.
    """
    jobs = round(jobs * contender.share)
    key = f"{contender.module.rpartition('_')[2]}{next(_round)}"
    queue_url: str = (await sqs.create_queue(QueueName=f"queue-{key}"))["QueueUrl"]
    queue = _Queue(sqs, queue_url, contender.body)
    with _process(contender, queue_url, key, log) as process:
        await queue.fill(f"{key}-warm-up", _WARM_UP_JOBS)
        if await queue.drained(_WARM_UP_SECONDS):
            raise RuntimeError(f"{contender.name} does not work: {_end_of_log(log)}")
        process.send_signal(signal.SIGSTOP)
        await queue.fill(key, jobs)
        cpu_before, calls_before = _cpu_seconds(process.pid), await _calls(endpoint, key)
        began_at = time.monotonic()
        process.send_signal(signal.SIGCONT)
        left = await queue.drained(limit_seconds)
        wall_seconds = time.monotonic() - began_at
        process.send_signal(signal.SIGSTOP)
        cpu_after, calls_after = _cpu_seconds(process.pid), await _calls(endpoint, key)
    await sqs.delete_queue(QueueUrl=queue_url)
    return Race(jobs - left, wall_seconds, cpu_after - cpu_before, calls_after - calls_before)


class _Queue:
    """Fills a queue and watches it being emptied."""

    def __init__(self, sqs: Any, url: str, body: Callable[[str], str]) -> None:
        self._sqs = sqs
        self._url = url
        self._body = body

    async def fill(self, prefix: str, jobs: int) -> None:
        bodies = [self._body(f"{prefix}-{number:05}") for number in range(jobs)]
        for start in range(0, jobs, _BATCH):
            await self._send(bodies[start : start + _BATCH])

    async def _send(self, bodies: Sequence[str]) -> None:
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        await self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)

    async def drained(self, limit_seconds: float) -> int:
        """Wait until every message is deleted, or for `limit_seconds`. Returns how many are left."""
        deadline = time.monotonic() + limit_seconds
        while True:
            left = await self._left()
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(_LOOK_SECONDS)

    async def _left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@contextmanager
def _process(contender: Contender, queue_url: str, key: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The running contender, which the emulator knows by `key`; it is killed at the end."""
    command = [sys.executable, "-m", contender.module, queue_url, *contender.arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _end_of_log(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-2000:]


def _cpu_seconds(pid: int) -> float:
    """The CPU time of all threads of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


async def _calls(endpoint: str, key: str) -> Counter[str]:
    return Counter(await asyncio.to_thread(_read_calls, endpoint, key))


def _read_calls(endpoint: str, key: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{endpoint}{CALLS_PATH}", timeout=10) as answer:  # noqa: S310 - our own emulator
        calls: dict[str, int] = json.load(answer).get(key, {})
        return calls
