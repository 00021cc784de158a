"""The checks of the doctor, for everything that the settings name, and those of a worker that starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from worker.adapters.disk import free_bytes_of
from worker.adapters.dynamodb.inspection import inspect_table
from worker.adapters.ffmpeg.inspection import inspect_converter
from worker.adapters.s3.inspection import inspect_bucket
from worker.adapters.sqs.inspection import inspect_queue
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.application.operations.diagnosis import (
    State,
    Verdict,
    judge_cache,
    judge_converter,
    judge_queue,
    judge_table,
    judge_workspace,
)
from worker.application.operations.doctor import CHECK_SECONDS, Check
from worker.bootstrap.parts import Clients, ffmpeg_of
from worker.bootstrap.stores import open_cache
from worker.ports import DependencyMissingError, ProgressCache, StoreUnavailableError
from worker.settings import ConfigurationError, Fault, Settings


@asynccontextmanager
async def open_checks(settings: Settings, buckets: Sequence[str]) -> AsyncIterator[Sequence[Check]]:
    """The doctor's checks of everything that the settings name, and of `buckets`."""
    async with AsyncExitStack() as stack:
        clients = Clients(settings, stack)
        sqs = await clients.open("sqs", CONTROL_LIMITS)
        dynamodb = await clients.open("dynamodb", CONTROL_LIMITS)
        s3 = await clients.open("s3", CONTROL_LIMITS)
        cache = open_cache(settings, stack)
        yield [
            Check("queue", partial(_check_queue, sqs, settings), "check WORKER_QUEUE_URL, the region and the role"),
            table_check(dynamodb, settings),
            *(
                Check(f"bucket {bucket}", partial(_check_bucket, s3, bucket), "check its name and the role")
                for bucket in buckets
            ),
            Check(
                "redis" if cache is None else cache.name,
                partial(_check_cache, cache),
                "check its endpoint and the network in between",
                is_essential=False,
            ),
            Check("converter", partial(_check_converter, settings), "check WORKER_FFMPEG"),
            Check("workspace", partial(_check_workspace, settings), "check WORKER_WORKSPACE"),
        ]


def table_check(client: Any, settings: Settings) -> Check:
    return Check("table", partial(_check_table, client, settings), "check WORKER_TABLE, the region and the role")


async def refuse_no_ffmpeg(program: Path) -> None:
    """Raises ConfigurationError where WORKER_FFMPEG names a `program` that cannot convert."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            verdict = judge_converter(await inspect_converter(program))
    except TimeoutError:
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), f"{program} does not print its version")) from None
    except DependencyMissingError as exc:
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), str(exc))) from exc
    if verdict.state is State.FAILED:
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), f"{program} is {verdict.detail}"))


async def _check_queue(client: Any, settings: Settings) -> Verdict:
    facts = await inspect_queue(client, settings.queue_url)
    return judge_queue(facts, max_attempts=settings.max_attempts, job_timeout_seconds=settings.job_timeout_seconds)


async def _check_table(client: Any, settings: Settings) -> Verdict:
    return judge_table(await inspect_table(client, settings.table))


async def _check_bucket(client: Any, bucket: str) -> Verdict:
    await inspect_bucket(client, bucket)
    return Verdict(State.OK, "exists")


async def _check_cache(cache: ProgressCache | None) -> Verdict:
    if cache is None:
        return Verdict(State.OK, "not set: progress goes to DynamoDB only")
    try:
        await cache.probe()
    except StoreUnavailableError as exc:
        return judge_cache(cache.name, exc.reason)
    return Verdict(State.OK, f"{cache.endpoint} takes writes")


async def _check_converter(settings: Settings) -> Verdict:
    return judge_converter(await inspect_converter(ffmpeg_of(settings)))


async def _check_workspace(settings: Settings) -> Verdict:
    directory = settings.workspace or Path(gettempdir())
    free_bytes = await asyncio.to_thread(free_bytes_of, directory)
    return judge_workspace(str(directory), free_bytes, max_source_bytes=settings.max_source_bytes)
