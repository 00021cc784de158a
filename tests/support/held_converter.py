"""An ffmpeg that a test holds up."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from tests.support.sounds import FFMPEG
from tests.support.stack import wait_for


class HeldConverter:
    """An ffmpeg whose first conversion waits for `release`, before it begins or `at_end`, when all is written."""

    def __init__(self, directory: Path, *, at_end: bool = False) -> None:
        self.path = directory / "ffmpeg"
        self._reached = directory / "reached"
        self._fifo = directory / "fifo"
        os.mkfifo(self._fifo)
        # With an end for reading, too, writing waits for nobody, and what is written waits for the reader.
        self._go = os.open(self._fifo, os.O_RDWR)
        weakref.finalize(self, os.close, self._go)
        hold = f'case "$*" in *-progress*) mkdir {self._reached} 2> /dev/null && read -r _ < {self._fifo} ;; esac'
        convert = f'{FFMPEG} "$@"'
        lines = [convert, "code=$?", hold, "exit $code"] if at_end else [hold, f"exec {convert}"]
        self.path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
        self.path.chmod(0o755)

    def wait_held(self) -> None:
        wait_for(lambda: self._reached.exists() or None, "a conversion")

    def release(self) -> None:
        os.write(self._go, b"go\n")
