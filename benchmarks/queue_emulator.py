"""ministack with a count of the calls of each client, as a process on 127.0.0.1.

Clients are identified by their access keys. The counts are read from `/calls`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import ministack
from worker.demo.servers import Server, free_port, running

CALLS_PATH = "/calls"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/")


@contextmanager
def emulator() -> Iterator[Server]:
    """The emulator, listening."""
    port = free_port()
    with running(Server("ministack", ministack.command(port, sys.executable, __name__), port)) as server:
        yield server


class CountingApp:
    """An ASGI application that counts calls on their way to another one."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by access key, of "service Action"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if scope["path"] == CALLS_PATH:
                await _answer(send, self._calls)
                return
            self._count({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)

    def _count(self, headers: dict[str, str]) -> None:
        signed = _CREDENTIAL.search(headers.get("authorization", ""))
        if signed is not None:
            access_key, service = signed.groups()
            action = headers.get("x-amz-target", "").rpartition(".")[2] or "(query)"
            self._calls[access_key][f"{service} {action}"] += 1


async def _answer(send: Any, content: object) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


def main() -> None:
    from ministack import app as module  # noqa: PLC0415 - of the bench extra, and only in this process

    module.app = CountingApp(module.app)
    module.main()


if __name__ == "__main__":
    main()
