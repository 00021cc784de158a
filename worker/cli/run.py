"""`worker run`: consume the queue until a signal comes, then drain."""

from __future__ import annotations

import os
import signal
from argparse import Namespace

from worker.cli.exits import ExitCode
from worker.interrupts import leave_at_once_on, run_interruptibly

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def command(_arguments: Namespace) -> int:
    """Returns the worker's exit code. Raises ConfigurationError and WorkerError; other errors are logged."""
    # The lifecycle handles the signals once it runs. Until then there is nothing to drain. A handler is needed all the
    # same: a container's first process does not get signals that it has no handler for.
    for number in _SIGNALS:
        leave_at_once_on(number, ExitCode.OK)
    return _run()


def _run() -> int:
    from worker import logs  # noqa: PLC0415 - these take half a second, in which a signal may come
    from worker.bootstrap import run_worker  # noqa: PLC0415
    from worker.domain.errors import WorkerError  # noqa: PLC0415
    from worker.events import Event, emit  # noqa: PLC0415
    from worker.settings import RUN, ConfigurationError, load  # noqa: PLC0415

    settings = load(os.environ, needs=RUN)
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    try:
        return run_interruptibly(lambda: run_worker(settings), _SIGNALS)
    except KeyboardInterrupt:
        return ExitCode.OK
    except (ConfigurationError, WorkerError):
        raise
    except Exception as exc:  # noqa: BLE001 - logged, because nobody may read standard error
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
