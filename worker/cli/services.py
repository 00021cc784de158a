"""What the two long-running commands share: `worker run` and `worker serve`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any

from worker.cli.exits import ExitCode
from worker.interrupts import leave_at_once_on, run_interruptibly

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave_at_once_on_signals() -> None:
    """End at once on a signal, until the service handles signals itself: before that there is nothing to drain.

    A handler is needed all the same: a container's first process does not get signals that it has no handler for.
    """
    for number in _SIGNALS:
        leave_at_once_on(number, ExitCode.OK)


def run_service(body: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run the body and return its exit code; 0 where a signal ended it before it handled signals.

    Raises ConfigurationError and WorkerError; other errors are logged, because nobody may read standard error.
    """
    from worker.domain.errors import WorkerError  # noqa: PLC0415 - these take time, in which a signal may come
    from worker.events import Event, emit  # noqa: PLC0415
    from worker.settings import ConfigurationError  # noqa: PLC0415

    try:
        return run_interruptibly(body, _SIGNALS)
    except KeyboardInterrupt:
        return ExitCode.OK
    except (ConfigurationError, WorkerError):
        raise
    except Exception as exc:  # noqa: BLE001 - logged
        emit(Event.WORKER_CRASHED, exception=exc)
        return ExitCode.FAILED
