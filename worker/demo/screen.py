"""The output of the demo: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from worker.domain.progress import Record

_LINE_STEP_PERCENT = 25


class Screen(Protocol):
    """Shows the batch. Text is printed as it is: nothing in it is markup."""

    console: Console

    def live(self, job_ids: Sequence[str]) -> AbstractContextManager[object]:
        """Draw bars for these jobs inside the `with`."""

    def note(self, text: str, *, emphasis: bool = False) -> None:
        """Print a line above the bars."""

    def show(self, record: Record, *, is_fresh: bool) -> None:
        """Show how far a job is."""


def open_screen() -> Screen:
    console = Console(highlight=False)
    return Bars(console) if console.is_terminal else Lines(console)


def _stage(record: Record) -> str:
    return record.stage.value if record.stage else record.status.value


class Bars:
    """A bar for each job."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>5.1f} %", markup=False),
            TextColumn("{task.fields[stage]:<11}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[source]}", style="yellow", markup=False),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def live(self, job_ids: Sequence[str]) -> AbstractContextManager[object]:
        for job_id in job_ids:
            self._tasks[job_id] = self._progress.add_task(job_id, total=100, stage="", source="")
        return self._progress

    def note(self, text: str, *, emphasis: bool = False) -> None:
        self.console.print(text, markup=False, style="bold yellow" if emphasis else None)

    def show(self, record: Record, *, is_fresh: bool) -> None:
        self._progress.update(
            self._tasks[record.job_id],
            completed=record.percent,
            stage=_stage(record),
            source="" if is_fresh else "read from DynamoDB",
        )


class Lines:
    """A line for each quarter of a job."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._said: dict[str, tuple[str, int]] = {}

    def live(self, job_ids: Sequence[str]) -> AbstractContextManager[object]:
        return nullcontext(job_ids)

    def note(self, text: str, *, emphasis: bool = False) -> None:
        self.console.print(text, markup=False, style="bold" if emphasis else None, soft_wrap=True)

    def show(self, record: Record, *, is_fresh: bool) -> None:
        new = (_stage(record), int(record.percent // _LINE_STEP_PERCENT))
        if self._said.get(record.job_id) == new:
            return
        self._said[record.job_id] = new
        origin = "" if is_fresh else "  (read from DynamoDB)"
        self.note(f"  {record.job_id:<16} {record.percent:5.1f} %  {_stage(record)}{origin}")
