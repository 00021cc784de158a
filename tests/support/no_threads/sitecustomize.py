"""For a worker's process: no thread can be started while the file `NO_THREADS` is there.

Python imports this at its start where PYTHONPATH leads here. It stands in for the system's limit, which does not hold
for root.
"""

from __future__ import annotations

import os
import threading

_start = threading.Thread.start


def _limited(thread: threading.Thread) -> None:
    if os.path.exists(os.environ["NO_THREADS"]):  # noqa: PTH110 - pathlib is not worth its import in every process
        raise RuntimeError("can't start new thread")
    _start(thread)


threading.Thread.start = _limited  # type: ignore[assignment, method-assign]
