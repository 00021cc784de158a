"""The directories of workers that share a file system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from worker.application.jobs.worker_directory import WorkerDirectory


@contextmanager
def a_directory(root: Path) -> Iterator[WorkerDirectory]:
    """The directory of a worker that lives."""
    with closing(WorkerDirectory(root)) as directory:
        yield directory
