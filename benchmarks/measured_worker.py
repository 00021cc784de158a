"""A worker on the local stack, and its CPU time and memory from /proc."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aioboto3

from benchmarks.bare import BITRATE_KBPS, CORES, Run, Workload
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.s3.source_upload import SourceUpload
from worker.adapters.s3.store import S3Store
from worker.demo.process import WorkerProcess, running_worker
from worker.demo.stack import SOURCES, TARGETS
from worker.domain.job import ObjectLocation

_LIMITS = ClientLimits(connect_seconds=5, read_seconds=60, attempts=2, connections=20)
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_BATCH = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_round = itertools.count(1)


class MeasuredWorker:
    """Sends messages, and waits until the worker has logged that all of their jobs have completed."""

    def __init__(self, process: WorkerProcess, sqs: Any, s3: Any, queue_url: str) -> None:
        self._process = process
        self._sqs = sqs
        self._sources = SourceUpload(s3, S3Store(s3))
        self._queue_url = queue_url

    async def upload(self, files: Sequence[Path]) -> None:
        for file in files:
            await self._sources.upload(file, ObjectLocation(SOURCES, file.name))

    async def run(self, workload: Workload, *, audio_format: str = "mp3") -> Run:
        """Convert the workload, whose files have been uploaded. Raises RuntimeError if a job fails."""
        prefix = f"{workload.name}-{next(_round)}"
        bodies = [_message(f"{prefix}-{file.stem}", file.name, audio_format) for file in workload.files]
        own, children = self._cpu_seconds()
        began_at = time.monotonic()
        for start in range(0, len(bodies), _BATCH):
            entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies[start:][:_BATCH])]
            await self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        await self._all_done(prefix, len(bodies))
        wall_seconds = time.monotonic() - began_at
        own_after, children_after = self._cpu_seconds()
        return Run(wall_seconds, children_after - children, own_after - own)

    async def _all_done(self, prefix: str, jobs: int) -> None:
        while True:
            ended = [line for line in self._process.lines if str(line.get("job_id", "")).startswith(f"{prefix}-")]
            failed = next((line for line in ended if line["event"] in {"job.failed", "job.retried"}), None)
            if failed is not None:
                raise RuntimeError(f"{failed['job_id']}: {failed.get('error')}")
            if sum(line["event"] == "job.completed" for line in ended) >= jobs:
                return
            await asyncio.sleep(0.02)

    def _cpu_seconds(self) -> tuple[float, float]:
        """The CPU time of the worker and its launcher, and that of the converters, for which the launcher has waited.

        What the launcher does between fork and exec counts as the converter's.
        """
        worker = self._process.pid
        own, children = _cpu_seconds_of(worker)
        for launcher in Path(f"/proc/{worker}/task/{worker}/children").read_text("ascii").split():
            of_launcher, of_converters = _cpu_seconds_of(int(launcher))
            own, children = own + of_launcher, children + of_converters
        return own, children

    def peak_memory_mb(self) -> float:
        """The most memory that the process has had resident (proc(5), VmHWM)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6


def _cpu_seconds_of(pid: int) -> tuple[float, float]:
    """The CPU time of a process, and of the children that it has waited for (proc(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return (user + system) / _TICKS_PER_SECOND, (children_user + children_system) / _TICKS_PER_SECOND


def _message(job_id: str, key: str, audio_format: str) -> str:
    output: dict[str, Any] = {"target": f"s3://{TARGETS}/{job_id}.{audio_format}", "format": audio_format}
    if audio_format == "mp3":
        output["bitrate_kbps"] = BITRATE_KBPS
    return json.dumps({"job_id": job_id, "source": f"s3://{SOURCES}/{key}", "outputs": [output]})


@asynccontextmanager
async def measured_worker(
    environment: Mapping[str, str], *, concurrency: int = CORES
) -> AsyncIterator[MeasuredWorker]:
    """A fresh worker on the stack of `environment`, by default with a slot for each core."""
    settings = {
        "WORKER_CONCURRENCY": str(concurrency),
        "WORKER_DRAIN_SECONDS": "5",
        "WORKER_HTTP_PORT": "off",
        "WORKER_LOG_FORMAT": "json",
    }
    session = aioboto3.Session()
    async with (
        running_worker({**environment, **settings}) as process,
        open_client(session, "sqs", _LIMITS) as sqs,
        open_client(session, "s3", _LIMITS) as s3,
    ):
        yield MeasuredWorker(process, sqs, s3, environment["WORKER_QUEUE_URL"])
