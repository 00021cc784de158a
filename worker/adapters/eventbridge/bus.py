"""The bus of completion events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from worker.adapters.aws.client import ErrorTable, translated
from worker.domain.completion import CompletionEvent
from worker.domain.errors import DependencyUnavailableError, WorkerError

SOURCE = "audio-conversion-worker"
_EVENTBRIDGE = "EventBridge"


class EventBridgeBus:
    """An `EventPublisher`: the event's document is the detail of an entry, its type the detail type.

    `bus` is a name or an ARN.
    """

    name = "eventbridge"

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus
        self._errors = _errors_of(bus)

    async def publish(self, event: CompletionEvent) -> None:
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": event.to_json(),
            "Time": event.record.updated_at,
        }
        with translated(_EVENTBRIDGE, self._errors):
            response = await self._client.put_events(Entries=[entry])
        self._require_kept(response)

    def _require_kept(self, response: Any) -> None:
        """Raise where the entry was refused: the call itself succeeds all the same."""
        results = response.get("Entries") or [{}]
        if results[0].get("EventId"):
            return
        code = str(results[0].get("ErrorCode", "nothing about the entry"))
        ours = self._errors.get(code)
        raise ours() if ours else DependencyUnavailableError(_EVENTBRIDGE, f"answered {code}")


def _errors_of(bus: str) -> ErrorTable:
    """What is raised for each code.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """

    def problem(text: str) -> Callable[[], WorkerError]:
        return lambda: DependencyUnavailableError(_EVENTBRIDGE, text)

    not_allowed = problem("does not allow the role events:PutEvents")
    codes = ("AccessDenied", "AccessDeniedException", "NotAuthorizedForSourceException", "NotAuthorizedForDetailType")
    return {**dict.fromkeys(codes, not_allowed), "ResourceNotFoundException": problem(f"has no bus {bus}")}
