"""moto's server with corrections, so that it behaves as AWS does where a worker depends on it.

A conditional write to DynamoDB is atomic. moto checks the condition and then changes the item attribute by attribute,
with a thread for each request. Without the lock, two workers that claim a job at the same moment may both win, and a
reader may see half an item.

It does not pause. A full garbage collection of its many objects would delay all answers by 50 to 90 ms, once in some
hundred requests.

It knows the service of a host. moto lists its directory and tries the patterns of all services at each request, which
takes as long as the rest of a short one.

Connections are kept open, as AWS keeps them. moto's own server closes each after one answer, and a new connection
costs the caller as much CPU as half a call.
"""

from __future__ import annotations

import copy
import gc
import logging
import re
import sys
import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import waitress
from moto.dynamodb.models import DynamoDBBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

_LOCK = threading.RLock()
_METADATA = re.compile(rb"^x-amz-meta-[^:]*", re.IGNORECASE | re.MULTILINE)
_THREADS = 64  # a long poll of a queue holds one
_CONNECTIONS = 1000
_HOSTS = 1000  # each bucket may have one
_MEMORY_BYTES = 16 << 20  # a body up to here is kept out of temporary files


def _atomic(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def locked(*arguments: Any, **options: Any) -> Any:
        with _LOCK:
            return copy.deepcopy(call(*arguments, **options))

    return locked


class _Application(DomainDispatcherApplication):
    get_backend_for_host = lru_cache(_HOSTS)(DomainDispatcherApplication.get_backend_for_host)


class _Task(WSGITask):  # type: ignore[misc]  # it has no types
    """Keeps the names of an object's metadata: waitress would capitalise them, and clients would read them so."""

    def build_response_header(self) -> bytes:
        header: bytes = super().build_response_header()
        return _METADATA.sub(lambda name: name[0].lower(), header)


class _Channel(HTTPChannel):  # type: ignore[misc]  # it has no types
    """Answers "100 Continue" also for an empty body, which botocore announces, too: waitress would wait for ever."""

    task_class = _Task

    def send_continue(self) -> None:
        is_completed = self.request.completed
        super().send_continue()
        self.request.completed = is_completed


def serve(host: str, port: int) -> None:
    """Answer requests until the process is ended."""
    for name in ("get_item", "put_item", "update_item", "delete_item"):
        setattr(DynamoDBBackend, name, _atomic(getattr(DynamoDBBackend, name)))
    gc.set_threshold(700, 10, 1_000_000)  # only the oldest generation is left alone
    TcpWSGIServer.channel_class = _Channel
    logging.getLogger("waitress").setLevel(logging.ERROR)
    waitress.serve(
        _Application(create_backend_app),
        host=host,
        port=port,
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        backlog=_CONNECTIONS,
        inbuf_overflow=_MEMORY_BYTES,
        outbuf_overflow=_MEMORY_BYTES,
        outbuf_high_watermark=_MEMORY_BYTES,
        asyncore_use_poll=True,
    )


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
