"""The clients that are connected, in the order of their deadlines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import takewhile

from worker.adapters.http.connection import Connection


class Clients:
    """Connections, the one with the earliest deadline first. Times are of one monotonic clock, in seconds.

    A deadline is `seconds` after the connection began or its last response was sent. The caller enforces the limits:
    it disconnects the first connection where `is_full` says so, and those that are `overdue`.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._deadlines: OrderedDict[Connection, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._deadlines)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._deadlines)

    @property
    def is_full(self) -> bool:
        return len(self._deadlines) >= self._limit

    @property
    def deadline(self) -> float | None:
        """The earliest deadline; None without clients."""
        return next(iter(self._deadlines.values()), None)

    def overdue(self, now: float) -> Sequence[Connection]:
        """The connections whose deadline has passed."""
        return [connection for connection, _ in takewhile(lambda item: item[1] <= now, self._deadlines.items())]

    def begin_request(self, connection: Connection, now: float) -> None:
        """Begin the full time of a connection that is new, or whose last response has been sent."""
        self._deadlines[connection] = now + self._seconds
        self._deadlines.move_to_end(connection)

    def remove(self, connection: Connection) -> None:
        del self._deadlines[connection]
