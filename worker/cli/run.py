"""`worker run`: consume the queue until a signal comes; then drain."""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace

from worker import logs
from worker.bootstrap import run_worker
from worker.cli.exits import ExitCode
from worker.domain.errors import WorkerError
from worker.events import Event, emit
from worker.settings import RUN, ConfigurationError, load


def command(_arguments: Namespace) -> int:
    """Returns the worker's exit code. Raises ConfigurationError, for standard error; all else is a line of the log."""
    settings = load(os.environ, needs=RUN)
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    try:
        return asyncio.run(run_worker(settings))
    except (ConfigurationError, WorkerError):
        raise
    except Exception as exc:  # noqa: BLE001 - what reads the log must learn of it as well
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
