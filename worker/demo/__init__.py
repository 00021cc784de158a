"""Everything on this machine: AWS emulated, a real Redis, a real worker process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from worker.interrupts import run_interruptibly

if find_spec("moto") is None:
    raise ImportError("moto is not installed")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OUTPUT_DIRECTORY = Path("demo-output")


def run_demo(audio: Sequence[Path] = (), *, directory: Path = OUTPUT_DIRECTORY, short: bool = False) -> int:
    """Convert `audio` (or sounds of our own) under an outage of Redis, and return the exit code.

    The converted files lie in `directory` afterwards; nothing else is left, however it ends. `short` takes seconds.
    """
    from worker.demo.play import play  # noqa: PLC0415 - servers are used without the play

    try:
        return run_interruptibly(lambda: play(audio, directory=directory, short=short), _SIGNALS)
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running.", file=sys.stderr)
        return 1
