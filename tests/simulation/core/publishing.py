"""Completion events: the topic as one party reaches it, its faults, and what must hold for what is published."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.simulation.core.checker import BaseChecker
from tests.simulation.core.faults import REFUSED, SILENT, SLOW, UNACKNOWLEDGED, UNANSWERED
from tests.simulation.core.network import Link, Network
from tests.simulation.core.schedule import LinkFault
from tests.support.deliveries import SENT_AT_MS
from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record
from worker.ports import StoreUnavailableError

EVENTS = "events"  # the service
_FAULTS = (REFUSED, SILENT, SLOW, UNACKNOWLEDGED, UNANSWERED)
_SECONDS = 3.0  # the budget of a call; the worker's own ends later


class SimulatedPublisher:
    """An `EventPublisher` over a link. `keep` is what the topic does with an event."""

    name = "sns"

    def __init__(self, network: Network, keep: Callable[[CompletionEvent], None]) -> None:
        self._link = Link(network, EVENTS, _SECONDS)
        self._keep = keep

    async def publish(self, event: CompletionEvent) -> None:
        try:
            await self._link.ask(self._keep, event)
        except StoreUnavailableError as error:
            raise DependencyUnavailableError("SNS", error.reason) from None


def faults_of_events(seed: int, parties: Sequence[str], span_seconds: float) -> Sequence[LinkFault]:
    """Faults between the parties and the topic, in a third of the schedules. The other dice are not touched."""
    dice = random.Random(f"events of {seed}")
    if dice.random() > 0.35:
        return ()
    start = round(dice.uniform(0, span_seconds), 2)
    end = round(start + span_seconds * dice.uniform(0.05, 1.0), 2)
    who = tuple(parties) if dice.random() < 0.6 else (dice.choice(parties),)
    return (LinkFault(start, end, who, EVENTS, dice.choice(_FAULTS), dice.choice((0.5, 1.0))),)


class PublishedEnds:
    """Which ends are in the job table, and which of them the topic knows."""

    def __init__(self, checker: BaseChecker) -> None:
        self._checker = checker
        self._ends: defaultdict[str, dict[str, Record]] = defaultdict(dict)  # by job and by the event's id
        self._published: set[str] = set()

    def kept(self, final: Record) -> None:
        """The job table holds the end."""
        self._ends[final.job_id].setdefault(CompletionEvent(final).event_id, final)

    def published(self, event: CompletionEvent) -> None:
        """The topic holds the event."""
        self._checker.noted(f"the topic has {event.event_id}")
        end = self._ends[event.record.job_id].get(event.event_id)
        self._published.add(event.event_id)
        if end is None:
            self._checker.violated(f"I10: {event.event_id} is published before it is in the table")
        if end != event.record:
            self._checker.violated(f"I10: {event.event_id} is published, and is not the end that is in the table")

    def longest_wait_seconds(self, job_id: str, loop_time: float) -> float:
        """How long an end of the job may have waited for the topic.

        An end is dated when it happened, and is in the table later if that is away.
        """
        dates = (end.updated_at.timestamp() - SENT_AT_MS / 1000 for end in self._ends[job_id].values())
        return max((loop_time - date for date in dates), default=0.0)

    def require(self, job_id: str, is_meant: Callable[[Record], bool] = lambda _: True) -> None:
        """Require that the ends of the job for which `is_meant` holds have been published by now."""
        for event_id, end in self._ends[job_id].items():
            if event_id not in self._published and is_meant(end):
                self._checker.violated(f"I10: {event_id} is unpublished, and no message is left for it")
