"""Ctrl-C at any moment of any command ends it, and the user sees no traceback."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from tests.support.processes import a_process
from tests.support.stack import Stack
from tests.support.worker_process import inherited

_TRIES = 8
_FIRST_SECONDS = 0.4
# The first line is printed when the interpreter has started and nothing of the worker is imported yet.
_MAIN = """
import sys
from worker.__main__ import main
print("worker.cli" in sys.modules, flush=True)
sys.exit(main())
"""
COMMANDS = {
    "run": ["run"],
    "status": ["status", "nobody"],
    "watch": ["watch", "nobody"],
    "submit": ["submit", "s3://bucket/a.wav", "--output", "s3://bucket/a.mp3"],
    "cancel": ["cancel", "nobody"],
    "doctor": ["doctor"],
    "demo": ["demo"],
    "help": ["--help"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_interrupt_ends_a_command_without_a_traceback(command: list[str], stack: Stack) -> None:
    moments = random.Random(command[0])  # the same moments in each run
    for _ in range(_TRIES):
        seconds = moments.uniform(0, _FIRST_SECONDS)
        with a_process(
            [sys.executable, "-c", _MAIN, *command],
            env=inherited() | stack.environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "False\n"
            time.sleep(seconds)  # the moment of the signal is what is tested
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            assert "Traceback" not in errors, f"after {seconds:.3f} s\n{errors}"
            assert "Exception ignored" not in errors, f"after {seconds:.3f} s\n{errors}"
            if command[0] == "watch":
                assert "the job goes on" in errors, f"after {seconds:.3f} s"
            # It may have ended by itself before. A worker that is interrupted has drained.
            assert process.returncode in {0, 1, 4, 130}
