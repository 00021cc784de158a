"""Programs in Python, run as converters are: the interpreter in the place of ffmpeg, in the same sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from worker.adapters.ffmpeg.process import run
from worker.adapters.sandbox.policy import ProcessLimits, Sandbox

PYTHON = os.path.realpath(sys.executable)
# What the interpreter imports from, and what those modules link to.
_MODULES = (f"{sys.base_prefix}/lib", "/usr/lib", "/lib")
LIMITS = ProcessLimits(memory_bytes=2 * 1024**3, cpu_seconds=60, file_bytes=1024**3)


@dataclass(frozen=True)
class Ran:
    """A program's end: its exit code, negative for a signal, and what it wrote."""

    code: int
    output: str
    errors: str


async def run_python(
    text: str, *arguments: str, cwd: Path, sandbox: Sandbox, limits: ProcessLimits = LIMITS, fds: tuple[int, ...] = ()
) -> Ran:
    """Run the text of a program in the sandbox, which may also read the interpreter's modules."""
    output, errors = bytearray(), bytearray()
    code = await run(
        [PYTHON, "-I", "-S", "-c", text, *arguments],
        fds=fds,
        cwd=cwd,
        limits=limits,
        on_output=output.extend,
        on_log=errors.extend,
        sandbox=replace(sandbox, readable=_MODULES),
    )
    return Ran(code, output.decode(), errors.decode())


_STANDING = """
import sys, time
sys.path.insert(0, {root!r})
from worker.adapters.sandbox.kernel import hide_from_others
if {hidden}:
    hide_from_others()
print("ready", flush=True)
time.sleep(600)
"""


@contextmanager
def standing(*, hidden: bool, environment: Mapping[str, str]) -> Iterator[int]:
    """The id of a process that does nothing: a worker, which has hidden itself, or a neighbour."""
    program = _STANDING.format(root=str(Path.cwd()), hidden=hidden)
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program], env=dict(environment), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)


def reached(output: str) -> Mapping[str, str | None]:
    """What stopped each attempt of the hostile converter, by its name; None where nothing did."""
    return {line["name"]: line["error"] for line in map(json.loads, output.splitlines())}
