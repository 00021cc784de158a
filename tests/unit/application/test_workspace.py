"""Directories for jobs, and what is left of them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.support.processes import a_process
from worker.application.jobs.workspace import open_workspace


async def test_a_jobs_directory_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace:
        async with workspace.job_directory() as directory:
            (directory / "source").write_bytes(b"x")
            assert directory.stat().st_mode & 0o077 == 0
        assert not directory.exists()

    assert list(tmp_path.iterdir()) == []


async def test_directories_of_two_jobs_are_apart(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace:
        async with workspace.job_directory() as first, workspace.job_directory() as second:
            assert first != second


def test_a_root_that_is_missing_is_made(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "new" / "root") as workspace:
        assert workspace.directory.is_dir()


def test_what_a_killed_worker_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from worker.application.jobs.workspace import open_workspace\n"
        "with open_workspace(Path(sys.argv[1])) as w:\n"
        "    (w.directory / 'leftover').touch(); print(w.directory, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with a_process(command) as worker:
        assert worker.stdout is not None
        directory = Path(worker.stdout.readline().strip())

        with open_workspace(tmp_path):
            assert (directory / "leftover").exists()
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        with open_workspace(tmp_path):
            assert not directory.exists()
