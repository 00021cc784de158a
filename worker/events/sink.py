"""Where lines go: to structlog where the program has set it up, else nowhere, because a library prints nothing."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Log:
    """A logger: its methods are the levels."""

    def __getattr__(self, level: str) -> Any:
        structlog = _structlog()
        return _drop if structlog is None else getattr(structlog.get_logger(), level)


def bound(**fields: object) -> AbstractContextManager[object]:
    """Inside, these fields are on every line that this task writes."""
    structlog = _structlog()
    if structlog is None:
        return nullcontext()
    context: AbstractContextManager[object] = structlog.contextvars.bound_contextvars(**fields)
    return context


def _structlog() -> Any:
    """The module. A program that has not set it up does not load it for our sake."""
    structlog = sys.modules.get("structlog")
    return structlog if structlog is not None and structlog.is_configured() else None


def _drop(_event: str, **_fields: object) -> None: ...
