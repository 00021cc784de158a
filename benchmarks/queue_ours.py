"""A contender of `make bench-queue`: our consumer, with its leases and settlements, on the queue that it is given.

`nothing` handles a delivery by doing nothing, like the other contenders; `second` waits for about one second. `whole`
is the worker's handler with claims and records in DynamoDB, objects in memory, and a converter that does nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aioboto3

from benchmarks.queue_jobs import CONCURRENCY, LEASE_SECONDS, SOURCE, TABLE, TARGETS
from tests.fakes.objects import MemoryObjects
from tests.support.consuming import a_consumer
from tests.support.handling import Handling
from worker import logs
from worker.adapters.aws.client import open_client
from worker.adapters.disk import LocalVolume
from worker.adapters.dynamodb import job_table as dynamodb
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.adapters.sqs.queue import CONTROL_LIMITS, SqsQueue, receive_limits
from worker.application.consuming.consumer import Handler
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.conversion import Conversion, ConversionLimits
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.workspace import open_workspace
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import NoCache
from worker.bootstrap.parts import utc_now
from worker.bootstrap.run import keep_for_good
from worker.domain.containers.structure import Structure
from worker.domain.disposition import Ack, Disposition
from worker.domain.job import OutputSpec
from worker.ports import (
    Artifact,
    ConversionProgress,
    Converted,
    DownloadedPart,
    IncomingSource,
    JoinedSources,
    SourceAudio,
)

_POLL_SECONDS = 5.0
_SOUND = b"nothing"
# Where there is one: the speed of the disk is not measured.
_MEMORY = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)  # noqa: S108


class Idle:
    """Handles a delivery by waiting, for `seconds` on average and half as much more or less."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    async def handle(self, work: Work) -> Disposition:
        if self._seconds:
            await asyncio.sleep(self._seconds * (0.5 + random.random()))  # noqa: S311 - no secret
        return Ack()


class IdleConverter:
    """Converts anything to the same few bytes."""

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        return SourceAudio("wav", "pcm_s16le", 44100, 2, 16, 1.0, len(_SOUND), Structure(0, len(_SOUND)))

    async def predict_from_front(self, source: Path, incoming: IncomingSource) -> SourceAudio | None:
        return None

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
        incoming: IncomingSource | None = None,
    ) -> Converted:
        for _, path in outputs:
            path.write_bytes(_SOUND)
        progress.seconds_done = 1.0
        return Converted(tuple(Artifact(path, 1.0, 0, len(_SOUND)) for _, path in outputs), 1.0)

    async def join(
        self,
        parts: Sequence[DownloadedPart],
        path: Path,
        *,
        crossfade_seconds: float,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
    ) -> JoinedSources:
        raise NotImplementedError("no job of the benchmark has several sources")


async def main(queue_url: str, kind: str) -> None:
    session = aioboto3.Session()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        queue = SqsQueue(
            await stack.enter_async_context(open_client(session, "sqs", receive_limits(_POLL_SECONDS))),
            await stack.enter_async_context(open_client(session, "sqs", CONTROL_LIMITS)),
            queue_url,
            visibility_seconds=LEASE_SECONDS,
            wait_seconds=_POLL_SECONDS,
        )
        handler: Handler
        if kind == "whole":
            handler = await _whole_handler(session, stack, tasks)
        else:
            handler = Idle(1.0 if kind == "second" else 0.0)
        renewer, consumer = a_consumer(
            queue,
            handler,
            concurrency=CONCURRENCY,
            lease_seconds=LEASE_SECONDS,
            poll_seconds=_POLL_SECONDS,
            random=random.random,
        )
        keep_for_good()  # as the worker does
        tasks.create_task(renewer.run())
        tasks.create_task(consumer.run())


async def _whole_handler(session: aioboto3.Session, stack: AsyncExitStack, tasks: asyncio.TaskGroup) -> Handler:
    client = await stack.enter_async_context(open_client(session, "dynamodb", dynamodb.LIMITS))
    table = DynamoJobTable(client, TABLE, now=utc_now)
    store = FailoverStore(table, NoCache())
    cancels = CancelWatch(table)
    tasks.create_task(store.run())
    tasks.create_task(cancels.run())
    objects = MemoryObjects(SOURCE.bucket, TARGETS)
    objects.put(SOURCE, _SOUND)
    workspace = stack.enter_context(open_workspace(_MEMORY, LocalVolume()))
    return Handling(
        table,
        store,
        Conversion(objects, IdleConverter(), workspace, ConversionLimits(1 << 20, 3600), random=random.random),
        PublishedOutputs(objects),
        cancels,
        JobLimits(LEASE_SECONDS, job_timeout_seconds=10_800, stall_seconds=300, max_attempts=5),
        worker=f"bench:{os.getpid()}",
        now=utc_now,
        random=random.random,
    ).handler()


if __name__ == "__main__":
    logs.configure(log_format="json")
    asyncio.run(main(*sys.argv[1:3]))
