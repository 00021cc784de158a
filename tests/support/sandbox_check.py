"""`make sandbox-check`: what a converter that a hostile file has taken over tries on this machine, and what stops it.

Prints a line for each attempt of the tests' list. The exit code is 1 where one was reached or not made, and else 0.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.attacks import ALWAYS, SECCOMP, STOPPED_BY, attack, hostile_targets, stops
from tests.support.sandboxes import Ran, reached
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import Sandbox


def is_closed(errors: Mapping[str, str | None]) -> bool:
    """Whether each attempt of the list was made, and stopped."""
    return all(errors.get(name) is not None for name in STOPPED_BY)


def lines_of(errors: Mapping[str, str | None], sandbox: Sandbox) -> Iterator[str]:
    """A line for each attempt of the list: the error that it met, and what in this sandbox promises to stop it."""
    for name, ways in STOPPED_BY.items():
        error = errors.get(name)
        if name not in errors:
            yield f"{name}: NOT TRIED, the converter ended before"
        elif error is None:
            yield f"{name}: REACHED"
        else:
            by = [_name(way) for way in ways if stops(sandbox, way)]
            yield f"{name}: {error} ({' and '.join(by) or 'no part of this sandbox promises it'})"


def _name(way: str | int) -> str:
    return {ALWAYS: "what is always in force", SECCOMP: "seccomp"}.get(str(way), f"Landlock {way}")


async def _attack(sandbox: Sandbox) -> Ran:
    with tempfile.TemporaryDirectory() as directory, hostile_targets(Path(directory)) as targets:
        return await attack(targets, Path(directory), sandbox)


def main() -> int:
    if not kernel.IS_LINUX:
        sys.stderr.write("sandboxes are Linux's: there is none here\n")
        return 1
    facts = shared_launcher().facts()
    sandbox = Sandbox(facts.seccomp, facts.landlock_abi)
    ran = asyncio.run(_attack(sandbox))
    errors = reached(ran.output)
    sys.stdout.write(f"seccomp: {'yes' if sandbox.seccomp else 'no'}, Landlock: {sandbox.landlock_abi or 'no'}\n")
    sys.stdout.writelines(f"{line}\n" for line in lines_of(errors, sandbox))
    stopped = sum(errors.get(name) is not None for name in STOPPED_BY)
    sys.stdout.write(f"{stopped} of {len(STOPPED_BY)} attempts were stopped\n")
    return 0 if is_closed(errors) else 1


if __name__ == "__main__":
    sys.exit(main())
