"""The commands other than `worker run`, as processes."""

from __future__ import annotations

import subprocess
import sys

from tests.support.budgets import BudgetMissedError
from tests.support.stack import Stack
from tests.support.worker_process import inherited

Done = subprocess.CompletedProcess[str]


def worker(stack: Stack, *arguments: str, **settings: str) -> Done:
    """Run a command on the stack and wait for its end. Raises BudgetMissedError where it found DynamoDB too slow."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env=inherited() | stack.environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    if "DynamoDB did not answer in time" in done.stderr:
        raise BudgetMissedError(done.stderr)
    return done
