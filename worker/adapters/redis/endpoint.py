"""Where Redis is, how to log in, and the look-up of its name."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of Redis and the login.

    `tls` makes the one context that all connections share. `token` gives a password that is valid for a while, or
    raises StoreUnavailableError; a connection is used for `max_age_seconds` at most.
    """

    host: str
    port: int = 6379
    tls: Callable[[], ssl.SSLContext] | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: Callable[[], Awaitable[str]] | None = field(default=None, repr=False)
    max_age_seconds: float = math.inf

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def resolve(host: str, port: int) -> Sequence[str]:
    """The host's addresses, from the system's resolver. Blocks, possibly for half a minute. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as exc:  # an empty label, or one of more than 63 characters: the resolver is not even asked
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from exc
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
