"""The commands other than `worker run`, as processes."""

from __future__ import annotations

import subprocess
import sys

from tests.support.stack import Stack
from tests.support.worker_process import inherited

Done = subprocess.CompletedProcess[str]


def worker(stack: Stack, *arguments: str, **settings: str) -> Done:
    """Run a command on the stack and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env=inherited() | stack.environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
