"""`worker serve`: the gateway, until a signal comes."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from importlib.util import find_spec

from worker.cli.console import complain
from worker.cli.exits import ExitCode
from worker.interrupts import leave_at_once_on, run_interruptibly

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_NEEDED = ("fastapi", "uvicorn", "structlog", "prometheus_client")


def command(_arguments: Namespace) -> int:
    """Returns 0 after a signal. Raises ConfigurationError and WorkerError; other errors are logged."""
    for number in _SIGNALS:
        leave_at_once_on(number, ExitCode.OK)
    if any(find_spec(name) is None for name in _NEEDED):
        complain("worker serve needs more packages: pip install 'audio-conversion-worker[serve]'")
        return ExitCode.FAILED
    return _serve()


def _serve() -> int:
    from worker import logs  # noqa: PLC0415 - these take a second, in which a signal may come
    from worker.bootstrap.identity import identity_of  # noqa: PLC0415
    from worker.domain.errors import WorkerError  # noqa: PLC0415
    from worker.events import Event, emit  # noqa: PLC0415
    from worker.gateway.serving import serve  # noqa: PLC0415
    from worker.settings import SERVE, ConfigurationError, load  # noqa: PLC0415

    settings = load(os.environ, needs=SERVE)
    logs.configure(level=settings.log_level, log_format=settings.log_format, identity=identity_of(settings))
    try:
        return run_interruptibly(lambda: serve(settings), _SIGNALS)
    except KeyboardInterrupt:
        return ExitCode.OK
    except (ConfigurationError, WorkerError):
        raise
    except Exception as exc:  # noqa: BLE001 - logged, because nobody may read standard error
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
