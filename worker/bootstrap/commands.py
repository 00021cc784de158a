"""What the commands need: those that submit, read, cancel, retry and list jobs, and the redrive."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.adapters.dynamodb.job_index import DynamoJobIndex
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.adapters.sqs.redrive import SqsDeadLetters
from worker.adapters.sqs.sender import SqsSender
from worker.application.jobs.cancellation import Cancellation
from worker.application.jobs.completion_events import PUBLISH_SECONDS
from worker.application.jobs.direct_records import DirectRecords, LeftOutputs
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_runs import JobRuns
from worker.application.jobs.retry import JobRetry
from worker.application.jobs.submission import Submission
from worker.application.messages.json_text import to_json
from worker.application.messages.message import parse_job
from worker.application.messages.presets import BUILT_IN, Presets
from worker.application.operations.all_dead_letters import AllDeadLetters
from worker.application.operations.listing import Positions, newest_jobs
from worker.application.operations.redrive import Redrive
from worker.application.progress.reader import Reader
from worker.bootstrap.parts import Clients, utc_now
from worker.bootstrap.publishing import completion_events
from worker.bootstrap.stores import open_stores
from worker.domain.job import Job
from worker.domain.progress import Status
from worker.ports import JobIndex, ListedJob
from worker.settings import ConfigurationError, Fault, Settings


@dataclass(frozen=True, slots=True)
class ClientParts:
    """What `worker.client` is made from.

    `submission` and `retry` raise ConfigurationError where no queue is named, and `sender` is None. `index` is opened
    at its first use.
    """

    reader: Reader
    cancellation: Cancellation
    submission: Callable[[], Submission]
    retry: Callable[[], JobRetry]
    index: Callable[[], Awaitable[JobIndex]]
    sender: SqsSender | None = None
    presets: Presets = BUILT_IN

    def job_of(self, message: Mapping[str, Any]) -> Job:
        """The job that a message asks for. Raises InvalidMessageError."""
        return parse_job(to_json(message), self.presets)

    async def newest_jobs(
        self, statuses: Collection[Status], *, since: datetime | None, limit: int, after: Positions | None = None
    ) -> Sequence[ListedJob]:
        """What `worker.application.operations.listing.newest_jobs` returns and raises."""
        return await newest_jobs(await self.index(), statuses, since=since, limit=limit, after=after)


@asynccontextmanager
async def open_client(settings: Settings, *, publish_seconds: float = PUBLISH_SECONDS) -> AsyncIterator[ClientParts]:
    """A client's parts for these settings, with connections until the `with` ends. Raises ConfigurationError.

    A call waits at most `publish_seconds` for the topic and the bus.
    """
    async with AsyncExitStack() as stack:
        clients = Clients(settings, stack)
        table, cache = await open_stores(settings, clients, stack)
        events = await completion_events(settings, clients, publish_seconds=publish_seconds)
        records = DirectRecords(table, cache)
        finisher = JobFinisher(records, LeftOutputs(), events, now=utc_now, random=random.random)
        runs = JobRuns(records, finisher, now=utc_now)
        sender = await _sender(settings, clients)
        yield ClientParts(
            reader=Reader(table, cache),
            cancellation=Cancellation(table, finisher),
            submission=lambda: Submission(runs, finisher, _required(sender)),
            retry=lambda: JobRetry(table, runs, finisher, _required(sender)),
            index=_Index(settings, clients).open,
            sender=sender,
            presets=settings.presets,
        )


async def _sender(settings: Settings, clients: Clients) -> SqsSender | None:
    if not settings.queue_urls:
        return None
    return SqsSender(await clients.open("sqs", CONTROL_LIMITS), settings.queue_urls[0])


def _required(sender: SqsSender | None) -> SqsSender:
    if sender is None:
        raise ConfigurationError(Fault(("WORKER_QUEUE_URL",), "is required: the URL of the SQS queue"))
    return sender


class _Index:
    """The index that lists jobs, which most programs never ask."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._opened: JobIndex | None = None

    async def open(self) -> JobIndex:
        if self._opened is None:
            client = await self._clients.open("dynamodb", CONTROL_LIMITS)
            self._opened = DynamoJobIndex(client, self._settings.table, now=utc_now)
        return self._opened


@asynccontextmanager
async def open_redrive(settings: Settings) -> AsyncIterator[Redrive]:
    """What moves dead letters back."""
    async with AsyncExitStack() as stack:
        client = await Clients(settings, stack).open("sqs", CONTROL_LIMITS)
        yield Redrive(AllDeadLetters([SqsDeadLetters(client, url) for url in settings.queue_urls]))
