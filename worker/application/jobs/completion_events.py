"""Publishes the ends of jobs to the topic and the bus that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from worker.domain.completion import CompletionEvent, delay_before_next_try
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record
from worker.events import Event, emit
from worker.ports import EventPublisher

PUBLISH_SECONDS = 4.0  # while the job's slot and lease are held


class CompletionEvents:
    """Hands the event of an end to each of the publishers. `random` gives numbers in [0, 1).

    A call waits at most `publish_seconds` for all of them together.
    """

    def __init__(
        self,
        publishers: Sequence[EventPublisher],
        *,
        now: Callable[[], datetime],
        random: Callable[[], float],
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> None:
        self._publishers = publishers
        self._now = now
        self._random = random
        self._publish_seconds = publish_seconds

    async def publish(
        self, final: Record, *, receives: int | None = None, within_seconds: float | None = None
    ) -> float | None:
        """Publish the end that the record shows, which has to be in the job table.

        `receives`: how often the job's message was received, where the job did not end just now.
        Returns None where nothing is left to do: it is published, there is no publisher, or it is given up. Else the
        seconds after which the job's message has to come back, so that it is published again. Raises nothing but
        CancelledError, and then it may or may not be published.
        """
        if not self._publishers:
            return None
        event = CompletionEvent(final)
        seconds = self._publish_seconds if within_seconds is None else min(self._publish_seconds, within_seconds)
        failures = await asyncio.gather(*(_failure(each, event, seconds) for each in self._publishers))
        if not any(failures):
            return None
        delay_seconds = delay_before_next_try(final.updated_at, self._now(), self._random(), receives=receives)
        for publisher, failure in zip(self._publishers, failures, strict=True):
            if failure is not None:
                emit(
                    Event.EVENT_PUBLISH_FAILED,
                    "error" if delay_seconds is None else None,
                    publisher=publisher.name,
                    error=failure,
                    event_id=event.event_id,
                    delay_seconds=None if delay_seconds is None else round(delay_seconds, 1),
                )
        return delay_seconds


async def _failure(publisher: EventPublisher, event: CompletionEvent, seconds: float) -> str | None:
    """Publish an event. Returns None where the publisher has it, else why it may not have it."""
    try:
        async with asyncio.timeout(seconds):
            await publisher.publish(event)
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except DependencyUnavailableError as error:
        return str(error)
    return None
