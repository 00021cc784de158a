"""Where the ends of jobs are published."""

from __future__ import annotations

from typing import Protocol

from worker.domain.completion import CompletionEvent


class EventPublisher(Protocol):
    """A topic or a bus that completion events are sent to."""

    @property
    def name(self) -> str:
        """Its service, for log lines and metrics: `sns` or `eventbridge`."""

    async def publish(self, event: CompletionEvent) -> None:
        """Hand the event over. It is kept when this returns.

        Raises DependencyUnavailableError: the event may have been kept, and may be sent again, because consumers drop
        what they have seen by its `event_id`. May be cancelled at any point.
        """
