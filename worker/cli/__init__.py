"""The command line (`worker --help`). A command's own file is imported only when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from worker.cli.arguments import parse
from worker.cli.console import complain, escape_what_cannot_be_shown, replace_closed_streams
from worker.cli.exits import ExitCode, UsageError

# Where one of these is set, prometheus_client, once imported, keeps a process's metrics in files there that are never
# removed (prometheus/client_python#275). Images set it for servers of several processes; each of ours shows its own.
_OF_SEVERAL_PROCESSES = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. Errors are plain lines on standard error."""
    replace_closed_streams()
    for name in _OF_SEVERAL_PROCESSES:
        os.environ.pop(name, None)
    escape_what_cannot_be_shown()
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return int(arguments.command(arguments))
    except UsageError as exc:
        complain(f"{exc} (see worker {arguments.name} --help)")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has gone. The interpreter must not fail on the rest of it when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as exc:  # noqa: BLE001 - a person gets a line and no traceback
        return _explain(exc)


def _explain(error: Exception) -> int:
    from worker.domain.errors import WorkerError  # noqa: PLC0415 - imported late, so that `worker --help` is quick
    from worker.domain.redaction import redact  # noqa: PLC0415
    from worker.ports import StoreUnavailableError  # noqa: PLC0415
    from worker.settings import ConfigurationError  # noqa: PLC0415

    match error:
        case ConfigurationError():
            for fault in error.faults:
                complain(str(fault))
            return ExitCode.CONFIGURATION
        case StoreUnavailableError():
            complain(f"the job table {error.problem}")
        case WorkerError():
            complain(str(error))
        case ModuleNotFoundError():
            how = "in a clone of the repository: pip install '.[worker]'"
            complain(f"this needs {error.name}, which is not installed; {how}")
        case OSError():
            complain(redact(f"{error.filename or 'the system'}: {error.strerror or type(error).__name__}"))
        case _:
            complain(redact(f"an unexpected error, a bug of ours: {type(error).__name__}: {error}"))
    return ExitCode.FAILED
