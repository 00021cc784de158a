"""The names under which a worker writes records and log lines."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping

from worker.settings import Settings


def identity_of(settings: Settings) -> Mapping[str, str]:
    """The fields that name this process on every log line: `worker`, and `task` on ECS or `pod` on Kubernetes."""
    names = {"worker": new_name(socket.gethostname(), os.getpid()), "task": settings.ecs_task, "pod": settings.pod}
    return {field: name for field, name in names.items() if name}


def new_name(host: str, pid: int) -> str:
    """`host:pid`, and for pid 1 four random digits in addition.

    Every container has a pid 1, and containers on the host's network also share the host's name.
    """
    return f"{host}:{pid}-{secrets.token_hex(2)}" if pid == 1 else f"{host}:{pid}"
