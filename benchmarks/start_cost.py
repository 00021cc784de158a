"""What it costs to start a converter: by asyncio and setpriv, by the launcher, and by the launcher with its sandbox.

Run as `python -m benchmarks.start_cost`. Each program is started in turns, so that other load on the machine affects
all ways alike. Wall-clock time is the median; CPU time is that of this process, the launcher and all programs, by
start.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.bare import FFMPEG
from worker.adapters.ffmpeg.process import run
from worker.adapters.sandbox.choice import available_sandbox
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import ProcessLimits, Sandbox

_ROUNDS = 200
_LIMITS = ProcessLimits(memory_bytes=2 << 30, cpu_seconds=60, file_bytes=0)
_COMMANDS: Mapping[str, Sequence[str]] = {
    "true": [shutil.which("true") or "/bin/true"],
    "ffmpeg -version": [FFMPEG, "-version"],
}

Way = Callable[[Sequence[str]], Awaitable[object]]


async def _by_asyncio(command: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--", *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    await process.communicate()


def _by_launcher(sandbox: Sandbox) -> Way:
    def start(command: Sequence[str]) -> Awaitable[object]:
        return run(
            command,
            fds=(),
            cwd=Path(),
            limits=_LIMITS,
            on_output=lambda _: None,
            on_log=lambda _: None,
            sandbox=sandbox,
        )

    return start


async def measure() -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """Milliseconds of a start, wall-clock and CPU, by program and way."""
    shared_launcher().facts()
    figures: dict[str, dict[str, tuple[float, float]]] = {}
    for name, command in _COMMANDS.items():
        ways: dict[str, Way] = {
            "launcher": _by_launcher(Sandbox()),
            "launcher and sandbox": _by_launcher(available_sandbox(command[0])),
        }
        if shutil.which("setpriv") is not None:
            ways = {"asyncio and setpriv": _by_asyncio, **ways}
        figures[name] = await _in_turns(ways, command)
    return figures


async def _in_turns(ways: Mapping[str, Way], command: Sequence[str]) -> dict[str, tuple[float, float]]:
    walls: dict[str, list[float]] = {name: [] for name in ways}
    cpus: dict[str, float] = dict.fromkeys(ways, 0.0)
    for number in range(_ROUNDS + 1):
        for name, start in ways.items():
            before, began_at = cpu_seconds(), time.perf_counter()
            await start(command)
            if number:  # the first one fills caches
                walls[name].append(time.perf_counter() - began_at)
                cpus[name] += cpu_seconds() - before
    return {name: (median(walls[name]) * 1000, cpus[name] * 1000 / _ROUNDS) for name in ways}


def cpu_seconds() -> float:
    """The CPU time of this process and of what it has waited for, and that of its launcher likewise."""
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        seconds += used.ru_utime + used.ru_stime
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split():
        fields = Path(f"/proc/{child}/stat").read_text("ascii").rpartition(")")[2].split()
        seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


def main() -> None:
    for program, ways in asyncio.run(measure()).items():
        print(program)
        for name, (wall, cpu) in ways.items():
            print(f"  {name:<22} {wall:6.2f} ms, {cpu:6.2f} ms of CPU")


if __name__ == "__main__":
    main()
