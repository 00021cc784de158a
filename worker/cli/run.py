"""`worker run`: consume the queue until a signal comes or what it was started for is done, then drain."""

from __future__ import annotations

import os
import signal
from argparse import Namespace

from worker.cli.exits import ExitCode
from worker.interrupts import leave_at_once_on, run_interruptibly

_EMPTY_SECONDS = 20.0  # of --until-empty (contract, section 5)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def command(arguments: Namespace) -> int:
    """Returns the worker's exit code. Raises ConfigurationError and WorkerError; other errors are logged."""
    # The lifecycle handles the signals once it runs. Until then there is nothing to drain. A handler is needed all the
    # same: a container's first process does not get signals that it has no handler for.
    for number in _SIGNALS:
        leave_at_once_on(number, ExitCode.OK)
    return _run(arguments)


def _run(arguments: Namespace) -> int:
    from worker import logs  # noqa: PLC0415 - these take half a second, in which a signal may come
    from worker.application.consuming.run_limits import RunLimits  # noqa: PLC0415
    from worker.bootstrap.identity import identity_of  # noqa: PLC0415
    from worker.bootstrap.run import run_worker  # noqa: PLC0415
    from worker.domain.errors import WorkerError  # noqa: PLC0415
    from worker.events import Event, emit  # noqa: PLC0415
    from worker.settings import RUN, ConfigurationError, load  # noqa: PLC0415

    settings = load(os.environ, needs=RUN)
    identity = identity_of(settings)
    logs.configure(level=settings.log_level, log_format=settings.log_format, identity=identity)
    limits = RunLimits(arguments.max_jobs, _EMPTY_SECONDS if arguments.until_empty else None)
    try:
        return run_interruptibly(lambda: run_worker(settings, identity["worker"], limits), _SIGNALS)
    except KeyboardInterrupt:
        return ExitCode.OK
    except (ConfigurationError, WorkerError):
        raise
    except Exception as exc:  # noqa: BLE001 - logged, because nobody may read standard error
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
