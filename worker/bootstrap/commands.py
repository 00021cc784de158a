"""What the commands need: those that submit, read, cancel, retry and list jobs, and the redrive."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from worker.adapters.dynamodb.job_index import DynamoJobIndex
from worker.adapters.s3.source_upload import SourceUpload
from worker.adapters.s3.store import S3Store
from worker.adapters.sqs.queue import CONTROL_LIMITS, SqsSender
from worker.adapters.sqs.redrive import SqsDeadLetters
from worker.application.jobs.cancellation import Cancellation
from worker.application.jobs.direct_records import DirectRecords
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.retry import JobRetry
from worker.application.jobs.submission import Submission
from worker.application.operations.redrive import Redrive
from worker.application.progress.reader import Reader
from worker.bootstrap.parts import Clients, s3_limits, s3_options, utc_now
from worker.bootstrap.publishing import completion_events
from worker.bootstrap.stores import open_stores
from worker.ports import JobIndex
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Client:
    """What submits, reads, cancels and retries jobs."""

    reader: Reader
    submission: Submission
    cancellation: Cancellation
    retry: JobRetry
    objects: S3Store
    sources: SourceUpload


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Client]:
    """A client for these settings. Its connections are closed after the `with`."""
    async with AsyncExitStack() as stack:
        clients = Clients(settings, stack)
        table, cache = await open_stores(settings, clients, stack)
        sender = SqsSender(await clients.open("sqs", CONTROL_LIMITS), settings.queue_url)
        s3 = await clients.open("s3", s3_limits(settings, jobs=1))
        objects = S3Store(s3, s3_options(settings))
        records = DirectRecords(table, cache)
        events = await completion_events(settings, clients)
        finisher = JobFinisher(records, PublishedOutputs(objects), events, now=utc_now, random=random.random)
        yield Client(
            reader=Reader(table, cache),
            submission=Submission(finisher, sender),
            cancellation=Cancellation(table, finisher),
            retry=JobRetry(table, finisher, sender),
            objects=objects,
            sources=SourceUpload(s3, objects),
        )


@asynccontextmanager
async def open_index(settings: Settings) -> AsyncIterator[JobIndex]:
    """What lists jobs."""
    async with AsyncExitStack() as stack:
        client = await Clients(settings, stack).open("dynamodb", CONTROL_LIMITS)
        yield DynamoJobIndex(client, settings.table, now=utc_now)


@asynccontextmanager
async def open_redrive(settings: Settings) -> AsyncIterator[Redrive]:
    """What moves dead letters back."""
    async with AsyncExitStack() as stack:
        client = await Clients(settings, stack).open("sqs", CONTROL_LIMITS)
        yield Redrive(SqsDeadLetters(client, settings.queue_url))
