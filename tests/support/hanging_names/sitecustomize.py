"""For a worker's process: the look-up of `redis.test` hangs while the file `NAMES_HANG` is there.

Python imports this at its start where PYTHONPATH leads here. It stands in for libc, which no variable makes hang.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

_look_up = socket.getaddrinfo


def _hanging(host: Any, *arguments: Any, **keywords: Any) -> Any:
    if host != "redis.test":
        return _look_up(host, *arguments, **keywords)
    while os.path.exists(os.environ["NAMES_HANG"]):  # noqa: PTH110 - pathlib is not worth its import in every process
        time.sleep(0.01)
    return _look_up("127.0.0.1", *arguments, **keywords)


socket.getaddrinfo = _hanging
