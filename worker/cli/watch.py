"""`worker watch`: a progress bar until the job is final."""

from __future__ import annotations

import sys
from argparse import Namespace
from types import TracebackType
from typing import Protocol, Self

from worker.application.progress.reader import Reader
from worker.cli.console import complain, duration_text, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with_client
from worker.cli.status import output_text
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, Status
from worker.settings import READ


def command(arguments: Namespace) -> int:
    return run_with_client(READ, lambda client: follow(client.reader, arguments.job_id))


async def follow(reader: Reader, job_id: str) -> int:
    """Show the job until it is final; 0 if it completed, 1 if it failed or was cancelled."""
    final: Record | None = None
    try:
        await reader.read(job_id)
    except DependencyUnavailableError as exc:  # the outage may end, but the user should know of it
        complain(f"{exc}; still trying")
    with _view(job_id) as view:
        async for reading in reader.watch(job_id):
            if reading.record is None:
                view.wait()
            else:
                view.show(reading.record, is_fresh=reading.fresh)
                final = reading.record if reading.record.is_final else None
    return _conclude(job_id, final)


def _conclude(job_id: str, final: Record | None) -> int:
    if final is not None and final.status is Status.COMPLETED:
        for index in range(len(final.outputs)):
            say(output_text(final, index))
        return ExitCode.OK
    if final is None:
        complain(f"{job_id} could not be followed to its end")
    else:
        reason = f" ({final.error.code}): {final.error.message}" if final.error else ""
        complain(f"{job_id} {final.status.value}{reason}")
    return ExitCode.FAILED


class View(Protocol):
    """How the progress of a job is shown."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def wait(self) -> None:
        """There is no record yet."""

    def show(self, record: Record, *, is_fresh: bool) -> None: ...


def _view(job_id: str) -> View:
    return Bar(job_id) if sys.stdout.isatty() else Lines(job_id)


def _stage(record: Record) -> str:
    return record.stage.value if record.stage else record.status.value


class Lines:
    """A line for each change of stage or of ten percent, for logs and pipes."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._said: tuple[str, int, bool] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Needs no closing."""

    def wait(self) -> None:
        if self._said is None:
            self._said = ("", 0, True)
            say(f"{self._job_id} has no record yet")

    def show(self, record: Record, *, is_fresh: bool) -> None:
        new = (_stage(record), int(record.percent // 10), is_fresh)
        if new != self._said:
            self._said = new
            eta = (
                "" if record.is_final or record.eta_seconds is None else f", {duration_text(record.eta_seconds)} left"
            )
            note = "" if is_fresh else " (may lag)"
            say(f"{record.job_id} {_stage(record)} {record.percent:g} %{eta}{note}")


class Bar:
    """A progress bar on a terminal."""

    def __init__(self, job_id: str) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415 - terminals only

        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>5.1f} %", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._task = self._progress.add_task(job_id, total=100, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def wait(self) -> None:
        self._progress.update(self._task, note="no record yet")

    def show(self, record: Record, *, is_fresh: bool) -> None:
        notes = [_stage(record)]
        if record.attempt > 1:
            notes.append(f"attempt {record.attempt}")
        if record.eta_seconds is not None and not record.is_final:
            notes.append(f"{duration_text(record.eta_seconds)} left")
        if not is_fresh:
            notes.append("may lag")
        self._progress.update(self._task, completed=record.percent, note=", ".join(notes))
