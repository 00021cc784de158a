"""For a worker's process: no thread can be started while the file `NO_THREADS` is there.

Python imports this at its start where PYTHONPATH leads here. It stands in for the system's limit, which does not hold
for root.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_start: Any = threading._start_new_thread  # type: ignore[attr-defined]


def _limited(*arguments: Any, **keywords: Any) -> Any:
    if os.path.exists(os.environ["NO_THREADS"]):  # noqa: PTH110 - pathlib is not worth its import in every process
        raise RuntimeError("can't start new thread")
    return _start(*arguments, **keywords)


threading._start_new_thread = _limited  # type: ignore[attr-defined]
