"""The one place where objects are made and plugged together.

Opening order is reading order, and one stack closes everything in reverse. Each port's variable carries the port's
type: that is where it is proved that the adapter fits.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import aioboto3
import imageio_ffmpeg

from worker import metrics
from worker.adapters import aws, dynamodb, elasticache, inspection
from worker.adapters.aws import ClientLimits
from worker.adapters.dynamodb import DynamoLedger
from worker.adapters.ecs import open_protection
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.http import CannotListenError, HttpServer
from worker.adapters.redis import RedisStore
from worker.adapters.redis_connections import Endpoint
from worker.adapters.s3 import S3Store
from worker.adapters.sqs import CONTROL_LIMITS, SqsQueue, SqsSender, receive_limits
from worker.application.attempt import Rules
from worker.application.cancellation import Cancellation, CancelWatch, Jobs
from worker.application.consumer import Consumer
from worker.application.conversion import Conversion, Limits
from worker.application.doctor import Check
from worker.application.failover import FailoverStore
from worker.application.handler import Handler
from worker.application.health import HealthMonitor
from worker.application.lease import LeaseKeeper
from worker.application.lifecycle import Lifecycle, SideTask
from worker.application.protection import ProtectionKeeper
from worker.application.reader import Reader
from worker.application.submission import Submission
from worker.application.workspace import open_workspace
from worker.domain.diagnosis import State, Verdict, judge_converter, judge_queue, judge_table, judge_workspace
from worker.ports import AcceleratorStore, AudioConverter, JobQueue, ObjectStore, ScaleInProtection
from worker.settings import ConfigurationError, Fault, RedisSettings, Settings

_POLL_SECONDS = 5.0
# Look-ups of names and files share these threads; the default of six would let one hung resolver hold up the rest.
_THREADS = 32


def utc_now() -> datetime:
    """The wall clock, to the millisecond that records show."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


# --- the worker --------------------------------------------------------------------------------------------------


async def run_worker(settings: Settings) -> int:
    """Run until a stop signal; returns the exit code.

    Raises ConfigurationError where the HTTP address cannot be had or the workspace cannot be made.
    """
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    _watch_children(loop)
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="worker"))
    async with AsyncExitStack() as stack:
        lifecycle = await _plug_together(settings, stack, began_at)
        return await lifecycle.run()


def _watch_children(loop: asyncio.AbstractEventLoop) -> None:
    """Learn of a converter's end from a file descriptor: before Python 3.12 the default starts a thread for each."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(loop)
        asyncio.set_child_watcher(watcher)


async def _plug_together(settings: Settings, stack: AsyncExitStack, began_at: float) -> Lifecycle:
    name = f"{socket.gethostname()}:{os.getpid()}"
    try:
        workspace = stack.enter_context(open_workspace(settings.workspace))
    except OSError as exc:
        raise ConfigurationError(Fault(("WORKER_WORKSPACE",), f"cannot be used: {exc.strerror}")) from exc
    clients = _Clients(settings, stack)
    poll_seconds = _poll_seconds(settings.drain_seconds)
    queue: JobQueue = SqsQueue(
        await clients.open("sqs", receive_limits(poll_seconds)),
        await clients.open("sqs", CONTROL_LIMITS),
        settings.queue_url,
        visibility_seconds=settings.visibility_timeout_seconds,
        wait_seconds=poll_seconds,
    )
    ledger, accelerator = await _open_stores(settings, clients, stack)
    objects: ObjectStore = S3Store(await clients.open("s3", _s3_limits(settings.concurrency)))
    converter: AudioConverter = FfmpegConverter(str(_ffmpeg(settings)))

    store = FailoverStore(
        ledger, accelerator, now=utc_now, mode=settings.progress_mode, endpoint=_redis_name(settings)
    )
    keeper = LeaseKeeper(queue, lease_seconds=settings.visibility_timeout_seconds, random=random.random)
    conversion = Conversion(
        objects,
        converter,
        workspace,
        Limits(settings.max_source_bytes, settings.max_duration_seconds),
    )
    rules = Rules(
        lease_seconds=settings.visibility_timeout_seconds,
        job_timeout_seconds=settings.job_timeout_seconds,
        stall_seconds=settings.stall_seconds,
        max_attempts=settings.max_attempts,
    )
    cancels = CancelWatch(ledger)
    protection = await _open_protection(settings, stack)
    handler = Handler(
        store,
        conversion,
        rules,
        register=ledger,
        cancels=cancels,
        worker=name,
        now=utc_now,
        s3_outputs=settings.s3_event_outputs,
        over_job=nullcontext if protection is None else protection.over_job,
    )
    consumer = Consumer(
        queue,
        handler,
        keeper,
        concurrency=settings.concurrency,
        lease_seconds=settings.visibility_timeout_seconds,
        random=random.random,
        poll_seconds=poll_seconds,
        reject_limit=settings.reject_limit,
    )
    monitor = HealthMonitor(store, consumer)
    address = _serve_http(settings, monitor, stack)
    side_tasks: dict[str, SideTask] = {
        "lease keeper": keeper.run,
        "progress store": store.run,
        "cancel watch": cancels.run,
        "health": monitor.run,
    }
    if protection is not None:
        side_tasks["scale-in protection"] = protection.run
    return Lifecycle(
        consumer,
        side_tasks,
        drain_seconds=settings.drain_seconds,
        announced={
            "worker": name,
            "settings": settings.effective(),
            "http_address": address,
            "python": sys.version.split()[0],
        },
        pulse=monitor.pulse,
        began_at=began_at,
    )


def _poll_seconds(drain_seconds: float) -> float:
    """Short, because a drain waits for the open poll to end, and in whole seconds, because SQS counts in those."""
    return max(1.0, min(_POLL_SECONDS, drain_seconds // 3))


def _serve_http(settings: Settings, monitor: HealthMonitor, stack: AsyncExitStack) -> str | None:
    if settings.http_port is None:
        return None
    try:
        server = HttpServer(settings.http_host, settings.http_port, look=monitor.look, render_metrics=metrics.render)
    except CannotListenError as exc:
        raise ConfigurationError(Fault(("WORKER_HTTP_PORT",), str(exc))) from exc
    stack.callback(server.close)
    server.start()
    return server.address


# --- commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Client:
    """What the commands beside `run` need."""

    reader: Reader
    submission: Submission
    cancellation: Cancellation
    objects: S3Store


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Client]:
    """Everything that a producer or a reader needs, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        clients = _Clients(settings, stack)
        ledger, accelerator = await _open_stores(settings, clients, stack)
        sender = SqsSender(await clients.open("sqs", CONTROL_LIMITS), settings.queue_url)
        yield Client(
            reader=Reader(ledger, accelerator),
            submission=Submission(ledger, sender, now=utc_now),
            cancellation=Cancellation(ledger, accelerator, now=utc_now),
            objects=S3Store(await clients.open("s3", _s3_limits(1))),
        )


@asynccontextmanager
async def open_checks(settings: Settings, buckets: Sequence[str]) -> AsyncIterator[Sequence[Check]]:
    """The doctor's checks of everything that the settings name, and of `buckets`."""
    async with AsyncExitStack() as stack:
        clients = _Clients(settings, stack)
        sqs = await clients.open("sqs", CONTROL_LIMITS)
        dynamodb = await clients.open("dynamodb", CONTROL_LIMITS)
        s3 = await clients.open("s3", CONTROL_LIMITS)
        accelerator = await _open_redis(settings, stack)
        yield [
            Check("queue", partial(_check_queue, sqs, settings), "check WORKER_QUEUE_URL, the region and the role"),
            Check("table", partial(_check_table, dynamodb, settings), "check WORKER_TABLE, the region and the role"),
            *(
                Check(f"bucket {bucket}", partial(_check_bucket, s3, bucket), "check its name and the role")
                for bucket in buckets
            ),
            Check(
                "redis",
                partial(_check_redis, accelerator, settings),
                "check REDIS_ENDPOINT, REDIS_PORT, REDIS_TLS, the password and the security group",
                is_essential=False,
            ),
            Check("converter", partial(_check_converter, settings), "check WORKER_FFMPEG"),
            Check("workspace", partial(_check_workspace, settings), "check WORKER_WORKSPACE"),
        ]


async def _check_queue(client: Any, settings: Settings) -> Verdict:
    facts = await inspection.inspect_queue(client, settings.queue_url)
    return judge_queue(facts, max_attempts=settings.max_attempts, job_timeout_seconds=settings.job_timeout_seconds)


async def _check_table(client: Any, settings: Settings) -> Verdict:
    return judge_table(await inspection.inspect_table(client, settings.table))


async def _check_bucket(client: Any, bucket: str) -> Verdict:
    await inspection.inspect_bucket(client, bucket)
    return Verdict(State.OK, "exists")


async def _check_redis(accelerator: AcceleratorStore | None, settings: Settings) -> Verdict:
    if accelerator is None:
        return Verdict(State.OK, "not set: progress goes to DynamoDB only")
    await accelerator.probe()
    return Verdict(State.OK, f"{_redis_name(settings)} takes writes")


async def _check_converter(settings: Settings) -> Verdict:
    return judge_converter(await inspection.inspect_converter(_ffmpeg(settings)))


async def _check_workspace(settings: Settings) -> Verdict:
    directory = settings.workspace or Path(gettempdir())
    free_bytes = await asyncio.to_thread(inspection.free_bytes_of, directory)
    return judge_workspace(str(directory), free_bytes, max_source_bytes=settings.max_source_bytes)


# --- parts -------------------------------------------------------------------------------------------------------


class _Clients:
    """AWS clients on one session, closed with the stack."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._session = aioboto3.Session()
        self._region = settings.region
        self._stack = stack

    async def open(self, service: str, limits: ClientLimits) -> Any:
        return await self._stack.enter_async_context(
            aws.open_client(self._session, service, limits, region=self._region)
        )


def _s3_limits(concurrency: int) -> ClientLimits:
    # A job has one download, or one upload with two parts in flight.
    return ClientLimits(
        connect_seconds=3, read_seconds=30, attempts=4, connections=2 * concurrency + 4, path_style=_has_own_endpoint()
    )


def _has_own_endpoint() -> bool:
    """Endpoints that are not AWS have no wildcard name for buckets."""
    return any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))


async def _open_stores(
    settings: Settings, clients: _Clients, stack: AsyncExitStack
) -> tuple[Jobs, AcceleratorStore | None]:
    ledger: Jobs = DynamoLedger(await clients.open("dynamodb", dynamodb.LIMITS), settings.table, now=utc_now)
    return ledger, await _open_redis(settings, stack)


async def _open_redis(settings: Settings, stack: AsyncExitStack) -> AcceleratorStore | None:
    redis = settings.redis_or_none
    if redis is None or redis.endpoint is None:
        return None
    endpoint = Endpoint(
        redis.endpoint,
        redis.port,
        tls=cache(ssl.create_default_context) if redis.tls else None,
        username=redis.username.get_secret_value() if redis.username else None,
        password=redis.password.get_secret_value() if redis.password else None,
        token=_iam_token(redis, settings.region),
        max_age_seconds=elasticache.CONNECTION_SECONDS if redis.iam_auth else math.inf,
    )
    store = RedisStore(
        endpoint,
        is_cluster=redis.cluster,
        prefix=settings.redis_prefix,
        connect_timeout=redis.connect_timeout_seconds,
        command_timeout=redis.command_timeout_seconds,
    )
    stack.push_async_callback(store.aclose)
    return store


def _iam_token(redis: RedisSettings, region: str | None) -> elasticache.IamToken | None:
    if not redis.iam_auth or redis.iam_cache is None or redis.username is None or region is None:
        return None  # the settings refuse all but the first
    return elasticache.IamToken(
        redis.iam_cache.name,
        redis.username.get_secret_value(),
        region=region,
        is_serverless=redis.iam_cache.is_serverless,
    )


async def _open_protection(settings: Settings, stack: AsyncExitStack) -> ProtectionKeeper | None:
    if settings.ecs_agent_uri is None:
        return None
    agent: ScaleInProtection = await stack.enter_async_context(open_protection(settings.ecs_agent_uri))
    return ProtectionKeeper(agent)


def _redis_name(settings: Settings) -> str:
    return f"{settings.redis.endpoint}:{settings.redis.port}"


def _ffmpeg(settings: Settings) -> Path:
    return settings.ffmpeg or Path(imageio_ffmpeg.get_ffmpeg_exe())
