"""Whether the address of the HTTP server is free."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

from worker.adapters.http.listening import CannotListenError, listen

_SECONDS = 2.0
_ANY = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not where to listen


def inspect_address(host: str, port: int) -> bool:
    """Whether the address is free; False if a worker listens there. Waits for the network: call it in a thread.

    Raises CannotListenError where something else has it, or where it is not an address of this machine.
    """
    try:
        listeners = listen(host, port)
    except CannotListenError:
        if _is_worker(_ANY.get(host, host), port):
            return False
        raise
    for listener in listeners:
        listener.close()
    return True


def _is_worker(host: str, port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as connection:
            connection.request("GET", "/health")
            document = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "progress_store" in document
