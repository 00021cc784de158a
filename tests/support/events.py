"""What was logged, as a list to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs

from worker.events import Event


class LoggedEvents:
    """The lines of a test so far."""

    def __init__(self, lines: list[Any]) -> None:
        self._lines = lines

    def of(self, event: Event) -> list[dict[str, Any]]:
        """The lines of one event, oldest first."""
        return [dict(line) for line in self._lines if line["event"] == event.value]

    def one(self, event: Event) -> dict[str, Any]:
        """The only line of that event."""
        (line,) = self.of(event)
        return line


@contextmanager
def logged_events() -> Iterator[LoggedEvents]:
    """Collect events instead of writing them."""
    with capture_logs() as lines:
        yield LoggedEvents(lines)
