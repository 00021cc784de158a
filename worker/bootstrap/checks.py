"""The checks of the doctor, for everything that the settings name, and those of a worker that starts."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from worker.adapters.disk import free_bytes_of
from worker.adapters.dynamodb.inspection import denied_table_actions, inspect_table
from worker.adapters.eventbridge.inspection import denied_bus_actions
from worker.adapters.ffmpeg.inspection import inspect_converter
from worker.adapters.http.inspection import inspect_address
from worker.adapters.s3.inspection import inspect_bucket, try_reading, try_writing
from worker.adapters.s3.options import S3Options
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sns.inspection import denied_topic_actions
from worker.adapters.sqs.inspection import denied_dead_letter_actions, denied_queue_actions, inspect_queue
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.application.operations.diagnosis import (
    CACHE_BY_DEFAULT,
    State,
    Verdict,
    judge_address,
    judge_bucket,
    judge_cache,
    judge_converter,
    judge_denied,
    judge_publisher,
    judge_queue,
    judge_table,
    judge_workspace,
)
from worker.application.operations.doctor import CHECK_SECONDS, Check, Subject
from worker.bootstrap.converter import ffmpeg_of
from worker.bootstrap.parts import Clients, s3_options
from worker.bootstrap.publishing import open_events, open_sns
from worker.bootstrap.sandbox import diagnose_sandbox, sandbox_for
from worker.bootstrap.stores import open_cache
from worker.domain.job import ObjectLocation
from worker.domain.redaction import redact
from worker.ports import NotAllowedError, ProgressCache, QueueFacts, StoreUnavailableError, UnusableConverterError
from worker.settings import ConfigurationError, Fault, Settings


@dataclass(frozen=True, slots=True)
class NamedBucket:
    """A bucket to try. `prefix`: such as `s3://bucket/folder/`. `variable`: the variable or argument with it."""

    prefix: str
    variable: str
    is_written: bool


@asynccontextmanager
async def open_checks(settings: Settings, buckets: Sequence[NamedBucket]) -> AsyncIterator[Sequence[Check]]:
    """The doctor's checks of everything that the settings name, and of `buckets`."""
    async with AsyncExitStack() as stack:
        clients = Clients(settings, stack)
        dynamodb = await clients.open("dynamodb", CONTROL_LIMITS)
        s3 = await clients.open("s3", CONTROL_LIMITS)
        yield [
            *queue_checks(await clients.open("sqs", CONTROL_LIMITS), settings),
            table_check(dynamodb, settings),
            *(_bucket_check(s3, bucket, s3_options(settings)) for bucket in (*buckets, *_buckets_of(settings))),
            *[check async for check in _publisher_checks(settings, clients)],
            cache_check(open_cache(settings, stack)),
            _converter_check(settings),
            _sandbox_check(settings),
            _workspace_check(settings),
            _http_check(settings),
        ]


def table_check(client: Any, settings: Settings) -> Check:
    async def run() -> Verdict:
        if denied := await denied_table_actions(client, settings.table):
            return judge_denied(denied)
        return judge_table(await inspect_table(client, settings.table))

    subject = Subject("WORKER_TABLE", settings.table, _endpoint_of(client))
    return Check("table", subject, run, "check WORKER_TABLE, the region and the role")


async def refuse_no_ffmpeg(program: Path, sandbox: Sandbox) -> None:
    """Raises ConfigurationError where WORKER_FFMPEG names a `program` that cannot convert."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            verdict = judge_converter(await inspect_converter(program, sandbox))
    except TimeoutError:
        problem = f"{program} is no ffmpeg: with -version it does not end within {CHECK_SECONDS:.0f} s"
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), problem)) from None
    except UnusableConverterError as exc:
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), str(exc))) from exc
    if verdict.state is State.FAILED:
        raise ConfigurationError(Fault(("WORKER_FFMPEG",), f"{program} is {verdict.detail}"))


def queue_checks(client: Any, settings: Settings) -> Sequence[Check]:
    """The checks of the queues, that of the most urgent first."""
    return [
        _queue_check(client, url, settings, "queue" if number == 1 else f"queue {number}")
        for number, url in enumerate(settings.queue_urls, 1)
    ]


def _queue_check(client: Any, url: str, settings: Settings, name: str) -> Check:
    async def facts_or_none() -> QueueFacts | None:
        try:
            return await inspect_queue(client, url)
        except NotAllowedError:
            return None

    async def run() -> Verdict:
        denied = [*await denied_queue_actions(client, url)]
        facts = await facts_or_none()
        if facts is not None and facts.dead_letter_queue is not None:
            denied += await denied_dead_letter_actions(client, facts.dead_letter_queue)
        if denied:
            return judge_denied(denied)
        if facts is None:
            raise NotAllowedError("sqs:GetQueueAttributes")
        return judge_queue(facts, max_attempts=settings.max_attempts, job_timeout_seconds=settings.job_timeout_seconds)

    subject = Subject("WORKER_QUEUE_URL", url, _endpoint_of(client))
    return Check(name, subject, run, "check WORKER_QUEUE_URL, the region and the role")


def _buckets_of(settings: Settings) -> Iterator[NamedBucket]:
    """The buckets that the settings name."""
    if settings.s3_event_outputs is not None:
        for prefix in settings.s3_event_outputs.target_prefixes:
            yield NamedBucket(prefix, "WORKER_S3_EVENT_OUTPUTS", is_written=True)


def _bucket_check(client: Any, bucket: NamedBucket, options: S3Options) -> Check:
    # A name that no object has, because reading it must find nothing.
    place = ObjectLocation.parse(f"{bucket.prefix}worker-doctor-{secrets.token_hex(8)}")

    async def may_list() -> bool:
        try:
            await inspect_bucket(client, place.bucket)
        except NotAllowedError:
            return False
        return True

    async def run() -> Verdict:
        is_listed = await may_list()
        lacking = await try_writing(client, place, options) if bucket.is_written else []
        await try_reading(client, place, options, may_list=is_listed)
        return judge_bucket(lacking, is_written=bucket.is_written)

    subject = Subject(bucket.variable, bucket.prefix, _endpoint_of(client))
    return Check(f"bucket {place.bucket}", subject, run, "check its name and the role")


async def _publisher_checks(settings: Settings, clients: Clients) -> AsyncIterator[Check]:
    """The checks of the topic and the bus that the settings name. A worker does its jobs without them."""
    if topic_arn := settings.event_topic_arn:
        client = await open_sns(clients, topic_arn)
        variable = "WORKER_EVENT_TOPIC_ARN"
        yield _publisher_check("topic", client, variable, topic_arn, partial(denied_topic_actions, client, topic_arn))
    if bus := settings.event_bus:
        client = await open_events(clients, bus)
        yield _publisher_check("bus", client, "WORKER_EVENT_BUS", bus, partial(denied_bus_actions, client, bus))


def _publisher_check(
    name: str, client: Any, variable: str, value: str, denied: Callable[[], Awaitable[Sequence[str]]]
) -> Check:
    async def run() -> Verdict:
        return judge_publisher(await denied())

    subject = Subject(variable, value, _endpoint_of(client))
    return Check(name, subject, run, f"check {variable} and the role", is_essential=False)


def cache_check(cache: ProgressCache | None) -> Check:
    async def run() -> Verdict:
        if cache is None:
            return Verdict(State.OK, "progress goes to DynamoDB only")
        try:
            await cache.probe()
        except StoreUnavailableError as exc:
            return judge_cache(cache.name, exc.reason)
        return Verdict(State.OK, "takes writes")

    name = CACHE_BY_DEFAULT if cache is None else cache.name
    subject = Subject(f"{name.upper()}_ENDPOINT", None if cache is None else cache.endpoint)
    return Check(name, subject, run, "check its endpoint and the network in between", is_essential=False)


def _converter_check(settings: Settings) -> Check:
    program = ffmpeg_of(settings)

    async def run() -> Verdict:
        return judge_converter(await inspect_converter(program, sandbox_for(settings, program)))

    return Check("converter", Subject("WORKER_FFMPEG", str(program)), run, "check WORKER_FFMPEG")


def _sandbox_check(settings: Settings) -> Check:
    async def run() -> Verdict:
        return diagnose_sandbox(settings, ffmpeg_of(settings))

    return Check("sandbox", Subject("WORKER_SANDBOX", settings.sandbox), run, "check WORKER_SANDBOX")


def _workspace_check(settings: Settings) -> Check:
    directory = settings.workspace or Path(gettempdir())

    async def run() -> Verdict:
        free_bytes = await asyncio.to_thread(free_bytes_of, directory)
        return judge_workspace(free_bytes, slots=settings.concurrency, max_source_bytes=settings.max_source_bytes)

    return Check("workspace", Subject("WORKER_WORKSPACE", str(directory)), run, "check WORKER_WORKSPACE")


def _http_check(settings: Settings) -> Check:
    port = settings.http_port

    async def run() -> Verdict:
        if port is None:
            return Verdict(State.OK, "nothing listens")
        return judge_address(is_free=await asyncio.to_thread(partial(inspect_address, settings.http_host, port)))

    address = "off" if port is None else f"{settings.http_host}:{port}"
    return Check("http", Subject("WORKER_HTTP_PORT", address), run, "check WORKER_HTTP_HOST and WORKER_HTTP_PORT")


def _endpoint_of(client: Any) -> str:
    return redact(str(client.meta.endpoint_url))
