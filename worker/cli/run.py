"""`worker run`: consume the queue until a signal comes; then drain."""

from __future__ import annotations

import os
import signal
from argparse import Namespace

from worker.cli.exits import ExitCode
from worker.interrupts import leave_at_once_on, run_interruptibly

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def command(_arguments: Namespace) -> int:
    """Returns the worker's exit code. Raises ConfigurationError, for standard error; all else is a line of the log."""
    # The lifecycle takes the signals over once it has begun. Until then nothing is held that could be drained, and as
    # a container's first process one without a handler would not even see them.
    for number in _SIGNALS:
        leave_at_once_on(number, ExitCode.OK)
    return _run()


def _run() -> int:
    from worker import logs  # noqa: PLC0415 - half a second of imports, in which a signal may come
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
    except Exception as exc:  # noqa: BLE001 - what reads the log must learn of it as well
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
