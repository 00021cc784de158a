"""The catalogue of log events, and the only function that writes one.

The names are an interface: alarms and queries in deploy/ use only these. docs/events.md is made from the catalogue.
"""

from __future__ import annotations

from typing import Any

from worker.events.jobs import JOBS
from worker.events.names import Event
from worker.events.processes import PROCESSES
from worker.events.sink import Log, bound
from worker.events.spec import (
    COMMON_FIELDS,
    JOB_FIELDS,
    PLATFORM_FIELDS,
    SERVICE,
    TRACE_FIELDS,
    EventSpec,
    Level,
)

__all__ = [
    "CATALOGUE",
    "COMMON_FIELDS",
    "JOB_FIELDS",
    "PLATFORM_FIELDS",
    "SERVICE",
    "TRACE_FIELDS",
    "Event",
    "EventSpec",
    "Level",
    "bound",
    "emit",
]

CATALOGUE: dict[Event, EventSpec] = {**PROCESSES, **JOBS}

_log: Any = Log()


def emit(event: Event, level: Level | None = None, /, **fields: object) -> None:
    """Write one line. Fields that are bound to the context (`job_id`, …) are added.

    `level` is one of the event's levels in the catalogue; by default its first.
    """
    getattr(_log, level or CATALOGUE[event].level)(event.value, **fields)
