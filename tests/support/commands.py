"""The commands other than `worker run`, as processes."""

from __future__ import annotations

import subprocess

from tests.support.budgets import BudgetMissedError
from tests.support.forking import inherited, run_worker
from tests.support.stack import Stack

Done = subprocess.CompletedProcess[str]


def worker(stack: Stack, *arguments: str, **settings: str) -> Done:
    """Run a command on the stack and wait for its end. Raises BudgetMissedError where it found DynamoDB too slow."""
    done = run_worker(arguments, env=inherited() | stack.environment() | settings)
    if "DynamoDB did not answer in time" in done.stderr:
        raise BudgetMissedError(done.stderr)
    return done
