"""A workspace on a small disk: no job takes another one down, and none is started twice for want of space."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sounds import silence, sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import STARTED_ANEW, WorkerProcess, can_mount

pytestmark = pytest.mark.skipif(not can_mount(), reason="this machine lets no process mount a file system")

StartWorker = Callable[..., WorkerProcess]
MIB = 1 << 20


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path


def files_of(worker: WorkerProcess, workspace: Path) -> list[Path]:
    """What lies in the workspace, which only the worker sees."""
    seen = Path(f"/proc/{worker.pid}/root{workspace}")
    return [path for path in seen.rglob("*") if path.is_file() and path.name != "lock"]


def take_all_inodes(directory: Path) -> list[Path]:
    """Make files until no more can be made, and return them."""
    files: list[Path] = []
    while os.statvfs(directory).f_ffree > 0:
        files.append(directory / f"filler-{len(files)}")
        files[-1].touch()
    return files


def test_a_small_file_that_decodes_to_far_more_than_the_disk_fails_at_once_and_its_neighbours_complete(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], workspace: Path
) -> None:
    worker = start_worker(stack, tmpfs="size=24m", WORKER_WORKSPACE=str(workspace), WORKER_CONCURRENCY="8")
    neighbour = stack.put_source("neighbour.wav", silence(30))
    bomb = stack.put_source("bomb.flac", sound("long-silence.flac"))  # 173 MB as WAV
    neighbours = [unique("neighbour") for _ in range(6)]
    bombs = [unique("bomb") for _ in range(2)]

    for job_id in (*neighbours[:3], *bombs, *neighbours[3:]):
        source = bomb if job_id in bombs else neighbour
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})

    for job_id in neighbours:
        record = stack.final_record(job_id)
        assert (record["status"], record["attempt"]) == ("completed", 1), worker.transcript()
    for job_id in bombs:
        record = stack.final_record(job_id)
        assert (record["status"], record["attempt"]) == ("failed", 1)
        assert (record["error"]["code"], record["error"]["retryable"]) == ("source_too_large", False)
        assert str(24 * MIB) in record["error"]["message"]
    assert worker.find("job.retried") is None


def test_more_jobs_than_fit_wait_for_each_other_and_are_started_once_each(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], workspace: Path
) -> None:
    worker = start_worker(stack, tmpfs="size=10m", WORKER_WORKSPACE=str(workspace), WORKER_CONCURRENCY="24")
    source = stack.put_source("source.wav", silence(60))  # 1 MB, and as much for its output
    job_ids = [unique("job") for _ in range(24)]

    for job_id in job_ids:
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})

    for job_id in job_ids:
        assert stack.final_record(job_id)["status"] == "completed", worker.transcript()
    started = [line for line in worker.lines if line["event"] == "job.started"]
    assert len(started) == len(job_ids)
    assert worker.find("job.delayed")
    assert files_of(worker, workspace) == []


@pytest.mark.skipif(shutil.which("nsenter") is None, reason="there is no nsenter")
def test_two_workers_on_one_disk_do_not_give_the_same_space_to_their_jobs(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], workspace: Path
) -> None:
    settings = {"WORKER_WORKSPACE": str(workspace), "WORKER_CONCURRENCY": "6"}
    source = stack.put_source("source.wav", silence(60))  # 1 MB, and as much for its output
    job_ids = [unique("job") for _ in range(16)]
    first = start_worker(stack, tmpfs="size=5m", **settings)
    first.wait_for("worker.ready")
    into = ("nsenter", f"--target={first.pid}", "--user", "--mount", "--preserve-credentials")
    second = start_worker(stack, program=(*into, *STARTED_ANEW), **settings)
    second.wait_for("worker.ready")

    for job_id in job_ids:
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})

    for job_id in job_ids:
        assert stack.final_record(job_id)["status"] == "completed", first.transcript() + second.transcript()
    for worker in (first, second):
        assert worker.find("job.completed")
        assert worker.find("job.retried") is None, worker.transcript()


def test_a_killed_worker_whose_jobs_waited_for_space_loses_none(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], workspace: Path
) -> None:
    settings = {"WORKER_WORKSPACE": str(workspace), "WORKER_VISIBILITY_TIMEOUT_SECONDS": "3"}
    small = start_worker(stack, tmpfs="size=3m", WORKER_CONCURRENCY="4", **settings)
    source = stack.put_source("source.wav", silence(60))
    job_ids = [unique("job") for _ in range(4)]
    for job_id in job_ids:
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})
    small.wait_for("job.delayed")

    small.signal(signal.SIGKILL)

    assert small.wait() == -signal.SIGKILL
    start_worker(stack, **settings)
    for job_id in job_ids:
        assert stack.final_record(job_id)["status"] == "completed"


def test_a_disk_without_inodes_says_so_and_the_job_completes_when_there_are_some(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], workspace: Path
) -> None:
    worker = start_worker(stack, tmpfs="size=24m,nr_inodes=12", WORKER_WORKSPACE=str(workspace))
    worker.wait_for("worker.ready")
    seen = Path(f"/proc/{worker.pid}/root{workspace}")
    fillers = take_all_inodes(seen)
    job_id = unique("job")

    stack.send_job(job_id, stack.put_source(job_id, silence(1)), {"target": stack.target(job_id), "format": "mp3"})

    retried = worker.wait_for("job.retried")
    assert (retried["error_code"], retried["error"]) == ("workspace_full", "the workspace has no inodes left")
    assert "inodes" in worker.wait_for("consumption.paused", reason="workspace")["error"]
    for path in fillers:
        path.unlink()
    assert stack.final_record(job_id)["status"] == "completed"
    assert os.statvfs(seen).f_ffree > 0
    wait_for(lambda: worker.find("consumption.resumed"), "the end of the pause")


def test_outputs_beyond_their_limit_are_refused_and_smaller_ones_made(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    start_worker(stack, WORKER_MAX_OUTPUT_BYTES="300000")
    source = stack.put_source("source.wav", silence(30))
    large, small = unique("large"), unique("small")

    for job_id, audio_format in ((large, "wav"), (small, "mp3")):
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": audio_format})

    error = stack.final_record(large)["error"]
    assert (error["code"], error["retryable"]) == ("source_too_large", False)
    assert "the limit is 300000" in error["message"]
    assert stack.final_record(small)["status"] == "completed"
