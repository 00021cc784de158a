"""`worker demo`: everything on this machine, embedded."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from worker import logs
from worker.cli.console import complain
from worker.cli.exits import ExitCode, UsageError


def command(arguments: Namespace) -> int:
    try:
        from worker.demo import run_demo  # noqa: PLC0415 - needs the demo extra
    except ImportError:
        complain("the demo needs more packages; in a clone of the repository: make demo")
        return ExitCode.FAILED
    files = [Path(name) for name in arguments.audio]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"{missing} is not a file")
    logs.silence()
    return run_demo(files, short=arguments.short, keep=arguments.keep)
