"""moto's server with three things put right, so that it behaves as AWS does where that matters to a worker.

A conditional write to DynamoDB is one step, whatever other threads do. moto looks at the condition, then changes the
item attribute by attribute, while each request has a thread of its own: of two workers that claim a job at the same
moment, both may win, and a reader may see half an item.

Nothing stops it. A full garbage collection of its many objects holds all answers up for 50 to 90 ms, once in some
hundred requests.

Connections are kept. The server that moto brings closes each after one answer, which AWS does not, and a new
connection costs the caller as much CPU as half a call.
"""

from __future__ import annotations

import copy
import gc
import logging
import re
import sys
import threading
from collections.abc import Callable
from functools import wraps
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
_MEMORY_BYTES = 16 << 20  # a body up to here is kept out of temporary files


def _in_one_step(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def locked(*arguments: Any, **options: Any) -> Any:
        with _LOCK:
            return copy.deepcopy(call(*arguments, **options))

    return locked


class _Task(WSGITask):  # type: ignore[misc]  # it has no types
    """An object's metadata keeps its names: waitress would write them with capitals, and clients read them so."""

    def build_response_header(self) -> bytes:
        header: bytes = super().build_response_header()
        return _METADATA.sub(lambda name: name[0].lower(), header)


class _Channel(HTTPChannel):  # type: ignore[misc]  # it has no types
    """Botocore announces every body that it puts, one of no bytes too, for which waitress would wait for ever."""

    task_class = _Task

    def send_continue(self) -> None:
        is_completed = self.request.completed
        super().send_continue()
        self.request.completed = is_completed


def serve(host: str, port: int) -> None:
    """Answer until the process is ended."""
    for name in ("get_item", "put_item", "update_item", "delete_item"):
        setattr(DynamoDBBackend, name, _in_one_step(getattr(DynamoDBBackend, name)))
    gc.set_threshold(700, 10, 1_000_000)  # young objects are collected as ever
    TcpWSGIServer.channel_class = _Channel
    logging.getLogger("waitress").setLevel(logging.ERROR)
    waitress.serve(
        DomainDispatcherApplication(create_backend_app),
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
