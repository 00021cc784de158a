"""A worker is stopped while two of its converters encode pieces of one source: the job ends as it should, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import worker as command
from tests.support.leftovers import leftovers
from tests.support.processes import descendants_of, is_alive
from tests.support.sounds import run_ffmpeg
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess
from tests.system.test_pieces import samples_of

_SECONDS = 190  # more than three seconds' work for an encoder of stereo; less is not split
_LEASE_SECONDS = 5
_FORMATS = ("alac", "mp3")


@pytest.fixture(scope="module")
def long_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pieces") / "long.wav"
    noise = f"anoisesrc=duration={_SECONDS}:sample_rate=44100:color=pink:amplitude=0.1:seed=1"
    run_ffmpeg("-f", "lavfi", "-i", noise, "-c:a", "pcm_s16le", "-ac", "2", str(path))
    return path


@dataclass
class SplitJob:
    """A job whose source is being encoded in pieces by `converters`, which are ids of processes of `worker`.

    These are frozen, so none of them ends unless it is killed, and the job does not end before it is stopped.
    `another` starts a second worker on the same stack, in the same workspace.
    """

    job_id: str
    source: Path
    stack: Stack
    worker: WorkerProcess
    converters: Sequence[int]
    another: Callable[[], WorkerProcess]
    workspace: Path

    def pieces(self) -> list[Path]:
        return list(self.workspace.rglob("*.piece-*"))

    def wait_for_the_end_of_converters(self) -> None:
        wait_for(lambda: not any(map(is_alive, self.converters)) or None, "the end of the converters")

    def wait_for_the_removal_of_pieces(self) -> None:
        wait_for(lambda: not self.pieces() or None, "the removal of the pieces")

    def check_completed(self) -> None:
        """Wait for the end of the job, and compare its outputs with the source."""
        record = self.stack.final_record(self.job_id)
        assert (record["status"], record["error"]) == ("completed", None)
        assert [output["duration_seconds"] for output in record["outputs"]] == [_SECONDS, _SECONDS]
        alac = self.workspace.parent / "alac"
        alac.write_bytes(self.stack.output(f"{self.job_id}.alac"))
        assert samples_of(alac) == samples_of(self.source)

    def check_nothing_is_left(self, *workers: WorkerProcess) -> None:
        """End the workers, which have no job any more; no process, file, upload or message of the job may be left."""
        wait_for(lambda: self.stack.messages_in(self.stack.queue_url) == 0 or None, "an empty queue")
        for worker in workers:
            _stop(worker)
        assert list(leftovers(self.stack, self.workspace)) == []
        assert not any(map(is_alive, self.converters))


def _stop(worker: WorkerProcess) -> None:
    """Send SIGTERM twice: the second one releases the jobs that run, and ends the long poll."""
    worker.signal(signal.SIGTERM)
    worker.wait_for("worker.draining")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.transcript()


def _freeze_converters(worker: WorkerProcess, workspace: Path) -> list[int] | None:
    """Freeze the two converters of pieces, and return their ids. None where there are not two of them (any more)."""
    found = descendants_of(worker.pid, named="ffmpeg")
    if len(found) != 2 or not any(workspace.rglob("*.piece-*")):
        return None
    for converter in found:
        with suppress(ProcessLookupError):  # its piece is done
            os.kill(converter, signal.SIGSTOP)
    return found if all(map(is_alive, found)) else None


@pytest.fixture
def job(
    stack: Stack,
    start_worker: Callable[..., WorkerProcess],
    unique: Callable[[str], str],
    long_source: Path,
    tmp_path: Path,
) -> SplitJob:
    job_id, workspace = unique("job"), tmp_path / "workspace"
    settings = {
        "WORKER_CONCURRENCY": "2",
        "WORKER_WORKSPACE": str(workspace),
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(_LEASE_SECONDS),
        "WORKER_DRAIN_SECONDS": "12",
    }
    outputs = [{"target": stack.target(f"{job_id}.{name}"), "format": name} for name in _FORMATS]
    source = stack.put_source(f"{job_id}.wav", long_source)
    worker = start_worker(stack, **settings)
    stack.send_job(job_id, source, *outputs)

    converters = wait_for(lambda: _freeze_converters(worker, workspace), "two converters of pieces")
    return SplitJob(job_id, long_source, stack, worker, converters, lambda: start_worker(stack, **settings), workspace)


def test_the_converters_of_a_killed_worker_end_and_another_worker_completes_the_job(job: SplitJob) -> None:
    job.worker.signal(signal.SIGKILL)
    assert job.worker.wait() == -signal.SIGKILL
    job.wait_for_the_end_of_converters()
    assert job.pieces(), "otherwise there would be nothing to clear"

    another = job.another()

    job.check_completed()
    job.check_nothing_is_left(another)


def test_a_second_sigterm_removes_the_pieces_and_another_worker_completes_the_job(job: SplitJob) -> None:
    _stop(job.worker)
    assert job.worker.find("job.released", job_id=job.job_id), job.worker.transcript()
    assert list(leftovers(job.stack, job.workspace)) == []
    assert not any(map(is_alive, job.converters))

    another = job.another()

    job.check_completed()
    job.check_nothing_is_left(another)


def test_a_cancel_ends_the_converters_and_removes_the_pieces(job: SplitJob) -> None:
    assert command(job.stack, "cancel", job.job_id).returncode == 0

    assert job.stack.final_record(job.job_id)["status"] == "cancelled"
    job.wait_for_the_end_of_converters()
    job.wait_for_the_removal_of_pieces()
    job.check_nothing_is_left(job.worker)


def test_a_worker_that_was_frozen_past_its_lease_ends_its_converters_and_leaves_the_outputs_of_another_alone(
    job: SplitJob,
) -> None:
    job.worker.signal(signal.SIGSTOP)
    another = job.another()
    job.check_completed()

    job.worker.signal(signal.SIGCONT)

    job.worker.wait_for("lease.lost", job_id=job.job_id)
    job.wait_for_the_end_of_converters()
    job.wait_for_the_removal_of_pieces()
    job.check_completed()
    ends = [line for each in (job.worker, another) for line in each.lines if line["event"] == "job.completed"]
    assert len(ends) == 1
    job.check_nothing_is_left(job.worker, another)
