"""Directories for jobs, and what is left of them."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from tests.support.processes import a_process
from worker.adapters.disk import LocalVolume
from worker.application.jobs.workspace import open_workspace
from worker.domain.errors import DependencyUnavailableError, WorkspaceFullError


async def test_a_jobs_directory_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with open_workspace(tmp_path, LocalVolume()) as workspace:
        async with workspace.job_directory() as job:
            (job.path / "source").write_bytes(b"x")
            assert job.path.stat().st_mode & 0o077 == 0
        assert not job.path.exists()

    assert list(tmp_path.iterdir()) == []


async def test_directories_of_two_jobs_are_apart(tmp_path: Path) -> None:
    with open_workspace(tmp_path, LocalVolume()) as workspace:
        async with workspace.job_directory() as first, workspace.job_directory() as second:
            assert first.path != second.path


def test_a_probe_of_the_workspace_leaves_nothing(tmp_path: Path) -> None:
    with open_workspace(tmp_path, LocalVolume()) as workspace:
        before = sorted(workspace.directory.iterdir())

        workspace.probe()

        assert sorted(workspace.directory.iterdir()) == before


def test_a_root_that_is_missing_is_made(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "new" / "root", LocalVolume()) as workspace:
        assert workspace.directory.is_dir()


async def test_a_workspace_that_was_cleaned_away_is_made_again_with_its_lock(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    with open_workspace(root, LocalVolume()) as workspace, structlog.testing.capture_logs() as lines:
        shutil.rmtree(tmp_path / "new")

        async with workspace.job_directory() as job:
            (job.path / "source").write_bytes(b"x")
            with open_workspace(root, LocalVolume()):  # another worker's sweep
                assert (job.path / "source").exists()
        async with workspace.job_directory():
            pass

    assert [line["event"] for line in lines] == ["workspace.remade"]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, WorkspaceFullError),  # also where the file system is out of inodes
        (errno.EDQUOT, WorkspaceFullError),
        (errno.ENOENT, DependencyUnavailableError),  # cleaned away under the job
        (errno.EROFS, DependencyUnavailableError),
        (errno.ENOTCONN, DependencyUnavailableError),  # the program behind a FUSE mount has ended
        (errno.EMFILE, DependencyUnavailableError),  # the process has no descriptor left for a file in it
        (errno.ENFILE, DependencyUnavailableError),
        (errno.ECONNRESET, ConnectionResetError),  # says nothing of the workspace
    ],
)
async def test_an_error_of_the_disk_within_a_job_says_whose_it_is(
    number: int, kind: type[Exception], tmp_path: Path
) -> None:
    with open_workspace(tmp_path, LocalVolume()) as workspace:
        with pytest.raises(kind):
            async with workspace.job_directory():
                raise OSError(number, os.strerror(number))

        assert [path.name for path in workspace.directory.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    "replace",
    [
        lambda root: root.touch(),
        lambda root: root.symlink_to("/nonexistent/volume"),  # that is not mounted
        lambda root: root.symlink_to(root),
    ],
    ids=["a file", "a link that leads nowhere", "a link to itself"],
)
async def test_where_the_workspace_cannot_be_made_again_the_job_is_tried_again_later(
    replace: Callable[[Path], None], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    with open_workspace(root, LocalVolume()) as workspace:
        shutil.rmtree(root)
        replace(root)

        with pytest.raises(DependencyUnavailableError, match="the workspace cannot be used"):
            async with workspace.job_directory():
                pass
        with pytest.raises(DependencyUnavailableError, match="the workspace cannot be used"):
            workspace.probe()


def test_a_root_that_is_a_link_to_nowhere_cannot_be_used(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.symlink_to("/nonexistent/volume")

    with pytest.raises(NotADirectoryError), open_workspace(root, LocalVolume()):
        pass


def test_what_a_killed_worker_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from worker.application.jobs.workspace import open_workspace\n"
        "from worker.adapters.disk import LocalVolume\n"
        "with open_workspace(Path(sys.argv[1]), LocalVolume()) as w:\n"
        "    (w.directory / 'leftover').touch(); print(w.directory, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with a_process(command) as worker:
        assert worker.stdout is not None
        directory = Path(worker.stdout.readline().strip())

        with open_workspace(tmp_path, LocalVolume()):
            assert (directory / "leftover").exists()
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        with open_workspace(tmp_path, LocalVolume()):
            assert not directory.exists()
