"""How many connections the gateway can have: each takes a file descriptor, and a process may have only so many."""

from __future__ import annotations

import resource
from collections.abc import Collection
from contextlib import suppress
from typing import Protocol

from worker.events import Event, emit

_OWN_FILES = 64  # listeners, connections to AWS and Redis, and files that are read
_OF_PROBES = 16  # of these, for connections beyond the limit: requests of probes are answered there, others refused
_SHARE_OF_REQUESTS = 4  # one connection in so many is kept for requests that are no streams


class Disconnectable(Protocol):
    """The server's side of a connection."""

    def disconnect(self) -> None:
        """Close the connection at once, whatever has not been sent."""
        ...


class Connections:
    """The connections that are `open`, and how many there may be at `most` (None: any number).

    Those without a complete request are `waiting`, the one that has waited for the longest time first.
    """

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.open: Collection[object] = ()
        self.waiting: dict[Disconnectable, None] = {}

    @property
    def are_full(self) -> bool:
        return self.most is not None and len(self.open) >= self.most

    def make_room(self, beginning: Collection[object]) -> bool:
        """Whether there is room for one more, beside those that begin. One that waits makes room.

        Some that begin are open already, and count once.
        """
        not_open = sum(connection not in self.open for connection in beginning)
        if self.most is None or len(self.open) + not_open < self.most + _OF_PROBES:
            return True
        return self.disconnect_one()

    def disconnect_one(self) -> bool:
        """Disconnect the one that has waited for the longest time. False where none waits."""
        longest = next(iter(self.waiting), None)
        if longest is None:
            return False
        del self.waiting[longest]
        longest.disconnect()
        return True


def raise_open_files() -> int | None:
    """Raise the soft limit on open files to the hard one. Returns the limit that holds then; None where there is none.

    Many systems have a soft limit of 1024, for programs that use select(2): this one does not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS refuses what is above its own maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(open_files: int | None) -> int | None:
    """How many connections leave the process the descriptors that it needs itself; None where there is no limit."""
    return None if open_files is None else max(1, open_files - _OWN_FILES)


def streams_within(connections: int | None, wanted: int) -> int:
    """How many of the streams that are wanted may be open. Logs it where these are fewer."""
    if connections is None:
        return wanted
    allowed = max(1, connections - connections // _SHARE_OF_REQUESTS)
    if allowed >= wanted:
        return wanted
    emit(Event.GATEWAY_LIMITED, wanted=wanted, max_streams=allowed)
    return allowed
