"""`worker demo`: everything on this machine, embedded."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from worker import logs
from worker.cli.exits import UsageError


def command(arguments: Namespace) -> int:
    try:
        from worker.demo import run_demo  # noqa: PLC0415 - needs the demo extra
    except ImportError as exc:
        raise UsageError("the demo needs the extra `demo`: pip install 'audio-conversion-worker[demo]'") from exc
    files = [Path(name) for name in arguments.audio]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"{missing} is not a file")
    logs.silence()
    return run_demo(files, short=arguments.short, keep=arguments.keep)
