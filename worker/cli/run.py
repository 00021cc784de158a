"""`worker run`: consume the queue until a signal comes or what it was started for is done, then drain."""

from __future__ import annotations

import os
from argparse import Namespace

from worker.cli.console import wants_colors
from worker.cli.services import leave_at_once_on_signals, run_service

_EMPTY_SECONDS = 20.0  # of --until-empty (`worker run --help`)


def command(arguments: Namespace) -> int:
    """Returns the worker's exit code. Raises ConfigurationError and WorkerError; other errors are logged."""
    leave_at_once_on_signals()
    return _run(arguments)


def _run(arguments: Namespace) -> int:
    from worker import logs  # noqa: PLC0415 - these take half a second, in which a signal may come
    from worker.application.consuming.run_limits import RunLimits  # noqa: PLC0415
    from worker.bootstrap.identity import identity_of  # noqa: PLC0415
    from worker.bootstrap.run import run_worker  # noqa: PLC0415
    from worker.settings import RUN, load  # noqa: PLC0415

    settings = load(os.environ, needs=RUN)
    identity = identity_of(settings)
    logs.configure(
        level=settings.log_level, log_format=settings.log_format, identity=identity, wants_colors=wants_colors()
    )
    limits = RunLimits(arguments.max_jobs, _EMPTY_SECONDS if arguments.until_empty else None)
    return run_service(lambda: run_worker(settings, identity["worker"], limits))
