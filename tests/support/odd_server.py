"""A TCP server that answers whatever it gets with the same bytes, and closes the connection."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from worker.demo.servers import HOST


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Serve on threads, so that a test may block. Yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(1 << 16)
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="odd server")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
