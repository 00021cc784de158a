"""The warning about the container's memory at the start."""

from __future__ import annotations

from pathlib import Path

from worker.adapters.machine import memory_of_workspace
from worker.application.operations.diagnosis import State, judge_memory
from worker.events import Event, emit
from worker.settings import Settings


def warn_of_memory(settings: Settings, workspace: Path) -> None:
    """Log a warning where the memory of the container may not suffice for what the settings allow."""
    verdict = judge_memory(
        settings.memory_limit_bytes, jobs=settings.concurrency, workspace_bytes=memory_of_workspace(workspace)
    )
    if verdict.state is not State.OK:
        emit(Event.MEMORY_OVERCOMMITTED, error=verdict.detail, advice=verdict.advice)
