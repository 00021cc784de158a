"""A long output is sent while it is converted: whatever ends the job, nothing of it is seen too early, or stays."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_calls import Matches, calls_of
from tests.support.commands import worker
from tests.support.fault_proxy import FaultProxy
from tests.support.held_converter import HeldConverter
from tests.support.sounds import silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

_SECONDS = 180  # at 48 kHz 17 MB: a part behind the front is sent when 16 MiB are written
# What a worker that has converted asks next, in this order. Each is held before it has an effect.
_STEPS: dict[str, Matches] = {
    "over the confirmation of its claim": calls_of("UpdateItem"),
    "over the first part": lambda call: call.action == "UploadPart" and call.query["partNumber"] == "1",
    "over the completion of the upload": calls_of("CompleteMultipartUpload"),
}


@dataclass
class Converting:
    """A worker whose converter has written all of an output and does not end, while parts of it are sent."""

    stack: Stack
    job_id: str
    process: WorkerProcess
    held: HeldConverter
    proxy: FaultProxy
    start_another: Callable[[], WorkerProcess]

    @property
    def key(self) -> str:
        return f"{self.job_id}.wav"

    def unfinished(self) -> list[Any]:
        found = self.stack.aws["s3"].list_multipart_uploads(Bucket=self.stack.targets)
        return [upload for upload in found.get("Uploads", ()) if upload["Key"] == self.key]

    def parts_sent(self) -> list[int]:
        numbers = []
        for upload in self.unfinished():
            found = self.stack.aws["s3"].list_parts(
                Bucket=self.stack.targets, Key=self.key, UploadId=upload["UploadId"]
            )
            numbers += [part["PartNumber"] for part in found.get("Parts", ())]
        return numbers

    def hold(self, step: str) -> None:
        """Let the converter end, and return when the worker is held in that step."""
        self.proxy.hold(_STEPS[step])
        self.held.release()
        self.proxy.wait_held()

    def is_visible(self) -> bool:
        found = self.stack.aws["s3"].list_objects_v2(Bucket=self.stack.targets, Prefix=self.key)
        return "Contents" in found


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    with FaultProxy(stack.endpoint).running() as proxy:
        yield proxy


@pytest.fixture
def converting(
    stack: Stack,
    proxy: FaultProxy,
    start_worker: Callable[..., WorkerProcess],
    unique: Callable[[str], str],
    tmp_path: Path,
) -> Converting:
    job_id, held = unique("job"), HeldConverter(tmp_path, at_end=True)
    settings = {"WORKER_WORKSPACE": str(tmp_path / "workspace"), "WORKER_VISIBILITY_TIMEOUT_SECONDS": "5"}
    process = start_worker(replace(stack, endpoint=proxy.url), WORKER_FFMPEG=str(held.path), **settings)
    source = stack.put_source(f"{job_id}-source", silence(_SECONDS))
    stack.send_job(
        job_id, source, {"target": stack.target(f"{job_id}.wav"), "format": "wav", "sample_rate_hz": 48_000}
    )
    process.wait_for("job.started", job_id=job_id)
    started_at = time.monotonic()
    held.wait_held()
    case = Converting(stack, job_id, process, held, proxy, lambda: start_worker(stack, **settings))
    wait_for(lambda: 2 in case.parts_sent() or None, "parts of the output")
    assert 1 not in case.parts_sent()
    assert not case.is_visible()
    # A claim of the last second is not confirmed: nobody takes it over.
    wait_for(lambda: time.monotonic() > started_at + 1 or None, "a claim that has to be confirmed")
    return case


def test_a_long_output_is_sent_while_it_is_converted(converting: Converting) -> None:
    stack, job_id = converting.stack, converting.job_id
    wait_for(lambda: (stack.record(job_id) or {}).get("stage") == "converting" or None, "a record of the conversion")

    converting.held.release()

    record = stack.final_record(job_id)
    assert record["status"] == "completed"
    output = stack.output(converting.key)
    assert record["outputs"][0]["bytes"] == len(output)
    assert output[:4] == b"RIFF"
    assert int.from_bytes(output[4:8], "little") == len(output) - 8  # which the muxer writes at the end
    assert converting.unfinished() == []


def test_the_parts_of_a_job_that_is_cancelled_are_dropped(converting: Converting) -> None:
    assert worker(converting.stack, "cancel", converting.job_id).returncode == 0

    assert converting.stack.final_record(converting.job_id)["status"] == "cancelled"
    assert converting.unfinished() == []
    assert not converting.is_visible()


def test_the_parts_of_a_job_that_is_given_back_are_dropped(converting: Converting) -> None:
    for _ in range(2):
        converting.process.signal(signal.SIGTERM)
        converting.process.wait_for("worker.draining")

    assert converting.process.wait() == 0, converting.process.transcript()
    assert converting.unfinished() == []
    assert not converting.is_visible()


def test_the_parts_of_a_killed_worker_are_dropped_by_the_next(converting: Converting) -> None:
    converting.process.signal(signal.SIGKILL)
    converting.process.wait()
    assert len(converting.unfinished()) == 1

    converting.start_another()

    assert converting.stack.final_record(converting.job_id)["status"] == "completed"
    assert converting.unfinished() == []
    assert converting.is_visible()


def test_the_parts_of_a_worker_that_has_lost_its_lease_are_dropped(converting: Converting) -> None:
    converting.process.signal(signal.SIGSTOP)
    converting.start_another()
    assert converting.stack.final_record(converting.job_id)["status"] == "completed"
    whole = converting.stack.output(converting.key)

    converting.process.signal(signal.SIGCONT)

    converting.process.wait_for("lease.lost", job_id=converting.job_id)
    wait_for(lambda: converting.unfinished() == [] or None, "the end of the upload")
    assert converting.stack.output(converting.key) == whole


@pytest.mark.parametrize("step", _STEPS)
def test_the_parts_of_a_worker_that_is_killed_are_dropped_at_each_step(converting: Converting, step: str) -> None:
    converting.hold(step)

    converting.process.signal(signal.SIGKILL)
    converting.process.wait()
    converting.proxy.drop()

    assert not converting.is_visible()
    converting.start_another()
    assert converting.stack.final_record(converting.job_id)["status"] == "completed"
    assert converting.unfinished() == []
    assert converting.is_visible()


@pytest.mark.parametrize("step", _STEPS)
def test_the_parts_of_a_job_that_is_given_back_are_dropped_at_each_step(converting: Converting, step: str) -> None:
    converting.hold(step)

    for _ in range(2):
        converting.process.signal(signal.SIGTERM)
        converting.process.wait_for("worker.draining")
    wait_for(lambda: converting.proxy.seen("AbortMultipartUpload") or None, "the end of the upload")
    converting.proxy.drop()

    assert converting.process.wait() == 0, converting.process.transcript()
    assert converting.stack.status(converting.job_id) == "queued"
    assert converting.unfinished() == []
    assert not converting.is_visible()


@pytest.mark.parametrize("step", _STEPS)
def test_the_parts_of_a_job_that_is_cancelled_are_dropped_at_each_step(converting: Converting, step: str) -> None:
    converting.hold(step)

    assert worker(converting.stack, "cancel", converting.job_id).returncode == 0
    wait_for(lambda: converting.proxy.seen("AbortMultipartUpload") or None, "the end of the upload")
    converting.proxy.drop()

    assert converting.stack.final_record(converting.job_id)["status"] == "cancelled"
    assert converting.unfinished() == []
    assert not converting.is_visible()
