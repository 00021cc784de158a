"""What the client costs at the start: its import, and all that its first use loads, beyond the SDK's and redis-py's.

`make bench-client`. Each new process imports the SDK and redis-py, and then prints the CPU time of the import
that follows. The result is the median of nine. The difference of two processes would say less, because the second of
CPU that the SDK's own import takes varies by more than the client's.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median

_REPETITIONS = 9
_SDK = "import aioboto3, redis.asyncio"
_CLIENT = "import worker.client"
# What is imported first, and what is measured after it.
PROGRAMS = {
    "the SDK and redis-py": ("", _SDK),
    "worker.client, beyond them": (_SDK, _CLIENT),
    "all that a Jobs loads, beyond them": (_SDK, f"{_CLIENT}; from worker.bootstrap import commands"),
    "worker.client, in a program without them": ("", _CLIENT),
}


def cpu_milliseconds(repetitions: int = _REPETITIONS) -> dict[str, float]:
    """The CPU time of each import, in milliseconds. The programs take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(repetitions):
        for name, (before, measured) in PROGRAMS.items():
            seconds[name].append(_once(before, measured))
    return {name: median(times) * 1000 for name, times in seconds.items()}


def _once(before: str, measured: str) -> float:
    program = f"{before}\nfrom time import process_time\nbegan_at = process_time()\n{measured}\n"
    program += "print(process_time() - began_at)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    for name, milliseconds in cpu_milliseconds().items():
        print(f"{name:<40} {milliseconds:6.0f} ms of CPU")


if __name__ == "__main__":
    main()
