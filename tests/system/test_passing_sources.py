"""A WAV that is larger than the workspace's file system is converted, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_calls import Call
from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.processes import descendants_of
from tests.support.sounds import run_ffmpeg
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess, can_mount

pytestmark = pytest.mark.skipif(not can_mount(), reason="this machine lets no process mount a file system")

StartWorker = Callable[..., WorkerProcess]

_MIB = 1 << 20
_WINDOW_BYTES = 16 * _MIB
_SECONDS = 300  # 53 MB
_DISK = "size=40m"
_BEFORE_THE_BREAK = 28 * _MIB  # more than the window holds


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "long.wav"
    sound = f"sine=440:r=44100:d={_SECONDS}"
    run_ffmpeg("-f", "lavfi", "-i", sound, "-ac", "2", "-metadata", "title=Änne", str(path))
    return path


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    with FaultProxy(stack.endpoint).running() as proxy:
        yield proxy


def _is_for_the_rest(call: Call) -> bool:
    return call.action == "GetObject" and "range" in call.headers


def _is_for_all(call: Call) -> bool:
    return call.action == "GetObject" and "range" not in call.headers


@dataclass
class Passing:
    """A worker that converts a source larger than its disk, of which half has come; the rest is held."""

    stack: Stack
    job_id: str
    process: WorkerProcess
    proxy: FaultProxy
    workspace: Path
    start_another: Callable[[], WorkerProcess]

    @property
    def source(self) -> Path:
        """The source's file, in the workspace that only the worker sees."""
        (source,) = Path(f"/proc/{self.process.pid}/root{self.workspace}").rglob("source")
        return source

    def completed(self, *, attempt: int) -> dict[str, Any]:
        record = self.stack.final_record(self.job_id)
        assert (record["status"], record["attempt"]) == ("completed", attempt), self.process.transcript()
        return record

    def converter(self) -> int:
        (pid,) = descendants_of(self.process.pid, named="ffmpeg")
        return pid


@pytest.fixture
def passing(
    stack: Stack,
    proxy: FaultProxy,
    start_worker: StartWorker,
    unique: Callable[[str], str],
    music: Path,
    tmp_path: Path,
) -> Passing:
    job_id = unique("job")
    settings = {
        "WORKER_WORKSPACE": str(tmp_path),
        "WORKER_DRAIN_SECONDS": "3",
        "WORKER_CONCURRENCY": "1",
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": "20",
    }
    # The first answer is not read: its headers show that the source does not fit.
    proxy.cut_answers(_is_for_all, after_bytes=_BEFORE_THE_BREAK, times=2)
    proxy.hold(_is_for_the_rest)
    source = stack.put_source("long.wav", music)
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3", "bitrate_kbps": 64})

    def start() -> WorkerProcess:
        return start_worker(replace(stack, endpoint=proxy.url), tmpfs=_DISK, **settings)

    process = start()
    proxy.wait_held(60)
    process.wait_for("source.not_kept")
    return Passing(stack, job_id, process, proxy, tmp_path, start)


def test_a_source_larger_than_the_disk_becomes_the_outputs_that_a_large_disk_gives(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], music: Path, tmp_path: Path
) -> None:
    source, made = stack.put_source("long.wav", music), []
    # With one slot nothing is encoded in pieces, whose MP3 is not the same to the byte.
    for name, options in (("large", {}), ("small", {"tmpfs": _DISK, "WORKER_WORKSPACE": str(tmp_path)})):
        job_id, process = unique(name), start_worker(stack, WORKER_CONCURRENCY="1", **options)
        targets = [stack.target(f"{job_id}.{each}") for each in ("mp3", "flac")]
        outputs = [{"target": each, "format": each.rpartition(".")[2]} for each in targets]
        stack.send_job(job_id, source, *outputs)
        record = stack.final_record(job_id)
        assert (record["status"], record["attempt"]) == ("completed", 1), process.transcript()
        made.append([each["sha256"] for each in record["outputs"]])
        assert bool(process.find("source.not_kept")) is (name == "small"), process.transcript()
        process.signal(signal.SIGTERM)
        process.wait()

    assert made[0] == made[1]


def test_a_passing_source_that_breaks_off_is_resumed_and_takes_no_more_than_its_window(passing: Passing) -> None:
    stat = passing.source.stat()
    assert stat.st_size > _WINDOW_BYTES
    assert stat.st_blocks * 512 <= _WINDOW_BYTES

    passing.proxy.release()

    record = passing.completed(attempt=1)
    assert record["source_audio"]["duration_seconds"] == pytest.approx(_SECONDS, abs=0.01)
    assert passing.process.find("conversion.early_failed") is None


def test_a_passing_source_that_is_replaced_is_converted_as_it_is_then(passing: Passing, tmp_path: Path) -> None:
    shorter = tmp_path.with_name("shorter.wav")
    run_ffmpeg("-f", "lavfi", "-i", "sine=440:d=2", str(shorter))
    passing.stack.put_source("long.wav", shorter)
    passing.proxy.release()

    record = passing.completed(attempt=2)
    assert record["source_audio"]["duration_seconds"] == pytest.approx(2, abs=0.01)
    assert passing.process.wait_for("job.retried")["error_code"] == "source_changed"


def test_a_killed_converter_of_a_passing_source_costs_an_attempt(passing: Passing) -> None:
    os.kill(passing.converter(), signal.SIGKILL)

    assert passing.process.wait_for("job.retried")["error_code"] == "converter_crashed"
    passing.proxy.release()
    passing.completed(attempt=2)


def test_a_job_whose_source_passes_is_cancelled_and_leaves_nothing(passing: Passing) -> None:
    source = passing.source

    assert worker(passing.stack, "cancel", passing.job_id).returncode == 0

    assert passing.stack.final_record(passing.job_id)["status"] == "cancelled"
    passing.process.wait_for("job.cancelled")
    assert not source.exists()
    assert descendants_of(passing.process.pid, named="ffmpeg") == []


def test_a_worker_that_stops_gives_the_job_back_and_another_does_it(passing: Passing) -> None:
    passing.process.signal(signal.SIGTERM)

    assert passing.process.wait() == 0, passing.process.transcript()
    assert passing.process.find("job.released")
    passing.proxy.release()
    passing.start_another()
    assert passing.stack.final_record(passing.job_id)["status"] == "completed"
