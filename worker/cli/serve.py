"""`worker serve`: the gateway, until a signal comes."""

from __future__ import annotations

import os
from argparse import Namespace
from importlib.util import find_spec

from worker.cli.console import complain, wants_colors
from worker.cli.exits import ExitCode
from worker.cli.services import leave_at_once_on_signals, run_service

_NEEDED = ("fastapi", "uvicorn", "structlog", "prometheus_client")


def command(_arguments: Namespace) -> int:
    """Returns 0 after a signal. Raises ConfigurationError and WorkerError; other errors are logged."""
    leave_at_once_on_signals()
    if any(find_spec(name) is None for name in _NEEDED):
        complain("worker serve needs more packages; in a clone of the repository: pip install '.[serve]'")
        return ExitCode.FAILED
    return _serve()


def _serve() -> int:
    from worker import logs  # noqa: PLC0415 - these take a second, in which a signal may come
    from worker.bootstrap.identity import identity_of  # noqa: PLC0415
    from worker.gateway.serving import serve  # noqa: PLC0415
    from worker.settings import SERVE, load  # noqa: PLC0415

    settings = load(os.environ, needs=SERVE)
    identity = identity_of(settings)
    logs.configure(
        level=settings.log_level, log_format=settings.log_format, identity=identity, wants_colors=wants_colors()
    )
    return run_service(lambda: serve(settings))
