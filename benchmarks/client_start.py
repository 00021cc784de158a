"""What the client costs at the start: its import, and the first use beside the SDK's and redis-py's own imports.

`make bench-client`. CPU time of new processes, the least of some: it depends least on what else the machine does.
"""

from __future__ import annotations

import os
import subprocess
import sys

_REPETITIONS = 9
_USE = "from worker.bootstrap import commands"  # what entering a Jobs loads
PROGRAMS = {
    "python": "pass",
    "import worker.client": "import worker.client",
    "the SDK and redis-py": "import aioboto3, redis.asyncio",
    "worker.client beside them": "import aioboto3, redis.asyncio, worker.client",
    "all that a Jobs loads beside them": f"import aioboto3, redis.asyncio, worker.client; {_USE}",
}


def cpu_milliseconds(program: str) -> float:
    """The least CPU time of a process that runs the program."""
    return min(_once(program) for _ in range(_REPETITIONS)) * 1000


def _once(program: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    for name, program in PROGRAMS.items():
        print(f"{name:<34} {cpu_milliseconds(program):6.0f} ms of CPU")


if __name__ == "__main__":
    main()
