"""The demo: an emulated AWS, a real Redis and a real worker process on this machine."""

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


def run_demo(
    audio: Sequence[Path] = (), *, directory: Path = OUTPUT_DIRECTORY, short: bool = False, keep: bool = False
) -> int:
    """Convert `audio` (or sounds that the demo makes) during an outage of Redis, and return the exit code.

    The converted files are in `directory` afterwards; everything else is removed. With `short` it takes seconds.
    With `keep` all of it stays up afterwards, until Ctrl-C, which does not change the exit code.
    """
    from worker.demo.play import play  # noqa: PLC0415 - tests use the servers alone

    ended: list[int] = []  # with the exit code, once the batch is shown
    try:
        return run_interruptibly(
            lambda: play(audio, directory=directory, short=short, keep=keep, on_end=ended.append), _SIGNALS
        )
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running.", file=sys.stderr)
        return ended[0] if ended else 1
