"""ministack, a second emulator of AWS. It comes with the bench extra, which `make bench-queue` installs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.demo.servers import HOST, Server, free_port, running

_BESIDE = Path(__file__).parents[2] / ".venv-bench"


def interpreter() -> str | None:
    """The Python that can start it; None where there is none."""
    if importlib.util.find_spec("ministack") is not None:
        return sys.executable
    if any(_BESIDE.glob("lib/python*/site-packages/ministack")):
        return str(_BESIDE / "bin" / "python")
    return None


def command(port: int, python: str, module: str = "ministack") -> list[str]:
    """The command that starts it, or `module` around it. Its default is all interfaces, also for SFTP and MQTT."""
    settings = [f"BIND_HOST={HOST}", f"GATEWAY_PORT={port}", "LOG_LEVEL=ERROR", "SFTP_ENABLED=0", "IOT_MTLS_ENABLED=0"]
    return ["env", *settings, python, "-m", module]


@contextmanager
def ministack(python: str) -> Iterator[Server]:
    """The emulator, listening; ended on the way out."""
    port = free_port()
    with running(Server("ministack", command(port, python), port)) as server:
        yield server
