"""For a worker's process: its wall clock is wrong by as many seconds as the file `CLOCK_OFFSET` says, now and later.

Python imports this at its start where PYTHONPATH leads here. Clocks that only count seconds are right.
"""

from __future__ import annotations

import datetime as module
import os
import time
from typing import Any

_datetime = module.datetime
_time = time.time


def _offset() -> float:
    with open(os.environ["CLOCK_OFFSET"]) as file:  # noqa: PTH123 - pathlib is not worth its import in every process
        return float(file.read() or 0)


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:  # what C code makes is of the original type
        return isinstance(instance, _datetime)


class _Datetime(_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _datetime.fromtimestamp(_time() + _offset(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _datetime.fromtimestamp(_time() + _offset(), module.UTC).replace(tzinfo=None)


module.datetime = _Datetime  # type: ignore[misc]
time.time = lambda: _time() + _offset()
