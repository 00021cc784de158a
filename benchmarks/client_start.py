"""What the client costs at the start: its import, and the first use beside the SDK's and redis-py's own imports.

`make bench-client`. CPU time of new processes, the median of some. The programs take turns, so that whatever else the
machine does slows all of them: the share of the SDK's own import says more than the milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

_REPETITIONS = 9
_SDK = "the SDK and redis-py"
_USE = "from worker.bootstrap import commands"  # what entering a Jobs loads
PROGRAMS = {
    "python": "pass",
    "import worker.client": "import worker.client",
    _SDK: "import aioboto3, redis.asyncio",
    "worker.client beside them": "import aioboto3, redis.asyncio, worker.client",
    "all that a Jobs loads beside them": f"import aioboto3, redis.asyncio, worker.client; {_USE}",
}


def cpu_milliseconds() -> dict[str, float]:
    """The CPU time of a process that runs each program, in milliseconds."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(_REPETITIONS):
        for name, program in PROGRAMS.items():
            seconds[name].append(_once(program))
    return {name: median(times) * 1000 for name, times in seconds.items()}


def _once(program: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    taken = cpu_milliseconds()
    for name, milliseconds in taken.items():
        beyond = milliseconds - taken[_SDK]
        share = beyond / taken[_SDK]
        print(f"{name:<34} {milliseconds:6.0f} ms of CPU, beyond the SDK's {beyond:+6.0f} ms or {share:+5.0%}")


if __name__ == "__main__":
    main()
