"""The part of the ECS agent's HTTP endpoint that serves task protection."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class EcsAgent:
    """Grants every request; `states` are the bodies of the requests, oldest first."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.states: list[dict[str, Any]] = []


@contextmanager
def ecs_agent() -> Iterator[EcsAgent]:
    """An agent on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            state = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_known = self.path == "/api/task/task-protection/v1/state"
            if is_known:
                agent.states.append(state)
            body = json.dumps({"protection": state}).encode()
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it so
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    agent = EcsAgent(f"http://127.0.0.1:{server.server_address[1]}/api/task")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield agent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
