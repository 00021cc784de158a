"""Clocks that jump, processes that stand still, and too little of the CPU: what they cost, and nothing more."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.held_converter import HeldConverter
from tests.support.sounds import silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]

JUMPING_CLOCK = Path(__file__).parents[1] / "support" / "jumping_clock"
LEASE_SECONDS = 3
HOUR = 3600.0


class Clock:
    """The wall clock of a worker's process."""

    def __init__(self, directory: Path) -> None:
        self._offset = directory / "offset"
        self.jump(0)
        self.settings = {"PYTHONPATH": str(JUMPING_CLOCK), "CLOCK_OFFSET": str(self._offset)}

    def jump(self, seconds: float) -> None:
        """Be wrong by so much from now on."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._offset)


@contextmanager
def starved(worker: WorkerProcess) -> Iterator[None]:
    """Let the process run for a tenth of the time."""
    is_over = threading.Event()

    def starve() -> None:
        while not is_over.is_set():
            worker.signal(signal.SIGSTOP)
            is_over.wait(0.09)
            worker.signal(signal.SIGCONT)
            time.sleep(0.01)

    thread = threading.Thread(target=starve)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        worker.signal(signal.SIGCONT)


def send(stack: Stack, job_id: str, source: str) -> None:
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})


def is_over(stack: Stack, job_id: str) -> None:
    """Wait until the job's record is final and its message is gone."""
    stack.final_record(job_id)
    wait_for(lambda: stack.messages_in(stack.queue_url) == 0 or None, "the end of its message")


def ends_of(job_id: str, *workers: WorkerProcess) -> list[str]:
    """What the workers' logs say of how starts of the job ended."""
    names = {"job.completed", "job.failed", "job.retried", "job.released", "lease.lost"}
    return sorted(
        line["event"]
        for worker in workers
        for line in worker.lines
        if line["event"] in names and line.get("job_id") == job_id
    )


def starts_of(job_id: str, *workers: WorkerProcess) -> int:
    lines = [line for worker in workers for line in worker.lines]
    return sum(line["event"] == "job.started" and line["job_id"] == job_id for line in lines)


# --- SIGSTOP ---------------------------------------------------------------------------------------------------------


def test_a_worker_that_stood_still_for_longer_than_its_lease_publishes_nothing_when_it_goes_on(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id = unique("job")
    held = HeldConverter(tmp_path)
    settings = {"WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS), "WORKER_CONCURRENCY": "1"}
    frozen = start_worker(stack, WORKER_FFMPEG=str(held.path), **settings)
    send(stack, job_id, stack.put_source(job_id, silence(2)))
    held.wait_held()

    frozen.signal(signal.SIGSTOP)
    other = start_worker(stack, **settings)
    is_over(stack, job_id)
    record, output = stack.final_record(job_id), stack.output(job_id)
    frozen.signal(signal.SIGCONT)
    held.release()

    frozen.wait_for("lease.lost", job_id=job_id)
    assert (record["status"], record["attempt"]) == ("completed", 2)
    assert starts_of(job_id, frozen, other) == 2
    assert ends_of(job_id, frozen, other) == ["job.completed", "lease.lost"]
    assert stack.final_record(job_id) == record
    assert stack.output(job_id) == output


def test_a_worker_that_stood_still_for_less_than_its_lease_goes_on_as_if_nothing_had_been(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id = unique("job")
    held = HeldConverter(tmp_path)
    settings = {"WORKER_VISIBILITY_TIMEOUT_SECONDS": "30", "WORKER_CONCURRENCY": "1"}
    frozen = start_worker(stack, WORKER_FFMPEG=str(held.path), **settings)
    send(stack, job_id, stack.put_source(job_id, silence(2)))
    held.wait_held()
    other = start_worker(stack, **settings)
    other.wait_for("worker.ready")

    frozen.signal(signal.SIGSTOP)
    time.sleep(1)  # how long it stands still is what is tested
    frozen.signal(signal.SIGCONT)
    held.release()

    is_over(stack, job_id)
    frozen.wait_for("job.completed", job_id=job_id)
    assert stack.final_record(job_id)["attempt"] == 1
    assert ends_of(job_id, frozen, other) == ["job.completed"]
    assert starts_of(job_id, other) == 0


# --- a clock that jumps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forwards", "backwards"])
def test_a_clock_that_jumps_an_hour_while_a_job_runs_costs_it_nothing(
    seconds: float, stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    before, after = unique("before"), unique("after")
    source = stack.put_source("source.wav", silence(2))
    held, clock = HeldConverter(tmp_path), Clock(tmp_path)
    settings = {"WORKER_FFMPEG": str(held.path), "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS)}
    worker = start_worker(stack, WORKER_CONCURRENCY="1", **settings, **clock.settings)
    send(stack, before, source)
    held.wait_held()

    clock.jump(seconds)
    wait_for(lambda: _is_off(stack.record(before), seconds) or None, "a record by the wrong clock")
    held.release()
    is_over(stack, before)
    send(stack, after, source)
    is_over(stack, after)

    for job_id in (before, after):
        assert (stack.final_record(job_id)["status"], stack.final_record(job_id)["attempt"]) == ("completed", 1)
        assert ends_of(job_id, worker) == ["job.completed"]
    assert worker.find("worker.crashed") is None


def test_a_worker_whose_clock_is_an_hour_fast_takes_over_a_live_claim_and_the_job_still_ends_once(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id = unique("job")
    source = stack.put_source(job_id, silence(2))
    held, clock = HeldConverter(tmp_path), Clock(tmp_path)
    right = start_worker(stack, WORKER_FFMPEG=str(held.path), WORKER_CONCURRENCY="1")
    send(stack, job_id, source)
    held.wait_held()

    clock.jump(HOUR)
    fast = start_worker(stack, **clock.settings)
    send(stack, job_id, source)  # a second message of the job: the first is hidden

    assert fast.wait_for("job.completed", job_id=job_id)
    record = stack.final_record(job_id)
    right.wait_for("lease.lost", job_id=job_id)
    assert (record["status"], record["attempt"]) == ("completed", 2)
    assert ends_of(job_id, right, fast) == ["job.completed", "lease.lost"]
    assert stack.final_record(job_id) == record


def test_a_job_of_a_worker_whose_clock_was_an_hour_fast_goes_on_a_few_leases_after_its_death(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id = unique("job")
    held, clock = HeldConverter(tmp_path), Clock(tmp_path)
    settings = {"WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS), "WORKER_CONCURRENCY": "1"}
    clock.jump(HOUR)
    fast = start_worker(stack, WORKER_FFMPEG=str(held.path), **settings, **clock.settings)
    send(stack, job_id, stack.put_source(job_id, silence(2)))
    held.wait_held()

    fast.signal(signal.SIGKILL)
    other = start_worker(stack, **settings)

    assert other.wait_for("job.completed", job_id=job_id, timeout=60)
    assert stack.final_record(job_id)["attempt"] == 2


def _is_off(record: dict[str, object] | None, seconds: float) -> bool:
    """Whether the record's time is wrong by so much."""
    if record is None:
        return False
    off = (datetime.fromisoformat(str(record["updated_at"])) - datetime.now(UTC)).total_seconds()
    return abs(off - seconds) < HOUR / 2


# --- too little of the CPU -------------------------------------------------------------------------------------------


def test_a_worker_with_a_tenth_of_a_cpu_keeps_its_leases_and_does_each_job_once(
    stack: Stack, start_worker: StartWorker, unique: Callable[[str], str]
) -> None:
    worker = start_worker(stack, WORKER_VISIBILITY_TIMEOUT_SECONDS="10", WORKER_CONCURRENCY="2")
    worker.wait_for("worker.ready")
    source = stack.put_source("source.wav", silence(2))
    job_ids = [unique("job") for _ in range(4)]

    with starved(worker):
        for job_id in job_ids:
            send(stack, job_id, source)
        wait_for(lambda: all(stack.status(each) == "completed" for each in job_ids) or None, "all done", timeout=90)

    for job_id in job_ids:
        is_over(stack, job_id)
        assert stack.final_record(job_id)["attempt"] == 1
        assert ends_of(job_id, worker) == ["job.completed"]
