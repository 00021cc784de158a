"""The queue that a worker receives from, which may be several in one, and its times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worker.adapters.sqs.queue import SHORT_POLL_LIMITS, SqsQueue, receive_limits
from worker.application.consuming.priorities import PriorityQueues
from worker.bootstrap.parts import Clients
from worker.ports import JobQueue
from worker.settings import Settings

_POLL_SECONDS = 5.0


async def open_queue(settings: Settings, clients: Clients, control_client: Any) -> JobQueue:
    poll_seconds = poll_seconds_for(settings)
    receive_client = await clients.open("sqs", receive_limits(poll_seconds))
    are_several = len(settings.queue_urls) > 1
    short_poll_client = await clients.open("sqs", SHORT_POLL_LIMITS) if are_several else None
    queues: list[JobQueue] = [
        SqsQueue(
            receive_client,
            control_client,
            url,
            short_poll_client=short_poll_client,
            visibility_seconds=settings.visibility_timeout_seconds,
            wait_seconds=poll_seconds,
            delete_linger_seconds=delete_linger_for(settings),
        )
        for url in settings.queue_urls
    ]
    return PriorityQueues(queues) if are_several else queues[0]


def failures_of(queue: JobQueue) -> Sequence[int]:
    """How often in a row each of several queues has failed. Empty where there is one, which the poller counts."""
    return queue.failures if isinstance(queue, PriorityQueues) else ()


def poll_seconds_for(settings: Settings) -> float:
    """How long a poll waits, in whole seconds, as SQS counts them.

    It is short because a drain waits for the open poll to end. It is at most a third of a lease, because a lease
    counts from the beginning of the poll: of a message that comes at the end of it, too little would be left.
    """
    return max(1.0, min(_POLL_SECONDS, settings.drain_seconds // 3, settings.visibility_timeout_seconds // 3))


def delete_linger_for(settings: Settings) -> float:
    """How long deletes are gathered, in seconds. A drain waits for them, so it is at most a tenth of the drain."""
    return max(0.1, min(0.5, settings.drain_seconds / 10))
