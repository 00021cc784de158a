"""The end of the demo: a table, the converted files, and the commands to try next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from worker.adapters.s3.store import S3Store
from worker.demo.batch import PICTURE_ENDING, Entry
from worker.demo.process import WorkerProcess
from worker.demo.screen import Screen
from worker.domain.job import ObjectLocation
from worker.domain.progress import OutputRecord, Record

_NO_LIMIT = 1 << 60


async def fetch_outputs(objects: S3Store, records: Sequence[Record], directory: Path) -> list[Path]:
    """Download the outputs of the completed jobs to `directory`. Files of the same names are replaced."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    files = []
    for output in (output for record in records for output in record.outputs if output.bytes is not None):
        target = ObjectLocation.parse(output.target)
        file = directory / target.key
        await asyncio.to_thread(file.unlink, missing_ok=True)
        await objects.download(target, file, limit_bytes=_NO_LIMIT, on_start=lambda _: None, on_bytes=lambda _: None)
        files.append(file)
    return files


def table_of(entries: Sequence[Entry], records: Sequence[Record], worker: WorkerProcess) -> Table:
    """The batch: sizes, durations, and the time that each job took in the worker."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("source", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    table.add_column("output", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("LUFS", justify="right", no_wrap=True)
    table.add_column("took", justify="right", overflow="fold")
    for entry, record in zip(entries, records, strict=True):
        table.add_row(
            Text(entry.file.name),
            decimal(entry.file.stat().st_size),
            _length(record.outputs[0].duration_seconds),
            Text("\n".join(output.target.rpartition("/")[2] for output in record.outputs)),
            "\n".join("-" if output.bytes is None else decimal(output.bytes) for output in record.outputs),
            "\n".join(_loudness(output) for output in record.outputs),
            Text(_ending(record, worker)),
        )
    return table


def _ending(record: Record, worker: WorkerProcess) -> str:
    if record.error is not None:
        return f"{record.status.value}: {record.error.message}"
    seconds = (worker.find("job.completed", job_id=record.job_id) or {}).get("duration_seconds")
    return record.status.value if seconds is None else f"{seconds:.1f} s"


def _loudness(output: OutputRecord) -> str:
    """Empty for an output that keeps the loudness of its source."""
    measured = output.loudness
    return "" if measured is None or measured.after_lufs is None else f"{measured.after_lufs:.1f}"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def say_where(screen: Screen, records: Sequence[Record], files: Sequence[Path], directory: Path) -> None:
    if not files:
        return
    screen.note(f"The {len(files)} converted files are in {directory.resolve()}")
    for output in (output for record in records for output in record.outputs):
        name, measured = output.target.rpartition("/")[2], output.loudness
        if measured is not None and measured.before_lufs is not None:
            before, now = f"{measured.before_lufs:.1f}", _loudness(output)
            screen.note(f"{name} has the loudness of podcasts: {before} LUFS before, {now} now.")
        if output.bytes is not None and name.endswith(PICTURE_ENDING):
            screen.note(f"A picture of the waveform: {directory.resolve() / name}")


def say_what_next(screen: Screen, exit_code: int) -> None:
    screen.note(f"The worker drained and ended with exit code {exit_code}. Nothing is left running.")
    screen.note("")
    screen.note("What to type next:")
    for command, meaning in (
        ("make demo AUDIO=path/to/your.wav", "the same with a file of your own"),
        (".venv/bin/worker --help", "the commands"),
        (".venv/bin/worker doctor", "tries each thing that a worker needs"),
        ("make test", "run all tests"),
    ):
        screen.note(f"  {command:<34} {meaning}")
