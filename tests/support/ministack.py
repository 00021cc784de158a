"""ministack, a second emulator of AWS. `make deploy-check` installs it, and so does `make bench-queue`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.demo.servers import HOST, Server, free_port, running

_ROOT = Path(__file__).parents[2]
_ENVIRONMENTS = (".venv-emulator", ".venv-bench")  # the first has the newer one


def interpreter() -> str | None:
    """The Python that can start it; None where there is none."""
    for name in _ENVIRONMENTS:
        if any((_ROOT / name).glob("lib/python*/site-packages/ministack")):
            return str(_ROOT / name / "bin" / "python")
    return sys.executable if importlib.util.find_spec("ministack") is not None else None


def command(port: int, python: str, module: str = "ministack") -> list[str]:
    """The command that starts it, or `module` around it. Its default is all interfaces, also for SFTP and MQTT."""
    settings = [f"BIND_HOST={HOST}", f"GATEWAY_PORT={port}", "LOG_LEVEL=ERROR", "SFTP_ENABLED=0", "IOT_MTLS_ENABLED=0"]
    return ["env", *settings, python, "-m", module]


@contextmanager
def ministack(python: str) -> Iterator[Server]:
    """Run the emulator inside the `with`, listening."""
    port = free_port()
    with running(Server("ministack", command(port, python), port)) as server:
        yield server
