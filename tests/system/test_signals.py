"""Every signal at every stage: the job completes once, in another worker if need be, and leaves nothing behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.aws_calls import Call, calls_of, deletes_messages, receives_messages
from tests.support.fault_proxy import FaultProxy
from tests.support.held_converter import HeldConverter
from tests.support.leftovers import leftovers
from tests.support.sounds import listen, silence
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import STARTED_ANEW, WorkerProcess

StartWorker = Callable[..., WorkerProcess]

LONG_SECONDS = 180  # as WAV of 48 kHz more than S3Store sends in one piece
LEASE_SECONDS = 3


# --- stages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A call to hold, and how many attempts are used up when the worker is killed during it."""

    matches: Callable[[Call], bool]
    after: bool = False
    lost_attempts: int = 1
    source_seconds: int = 2


def _sets(status: str) -> Callable[[Call], bool]:
    return lambda call: call.action == "UpdateItem" and f'\\"status\\":\\"{status}\\"'.encode() in call.body


def _sends_part_2(call: Call) -> bool:
    return call.action == "UploadPart" and call.query["partNumber"] == "2"


STAGES = {
    "receive": Stage(receives_messages, after=True, lost_attempts=0),
    "claim": Stage(_sets("running"), lost_attempts=0),
    "claimed": Stage(_sets("running"), after=True),
    "download": Stage(calls_of("GetObject")),
    "convert": Stage(lambda _: False),  # the converter itself is held
    "upload": Stage(_sends_part_2, source_seconds=LONG_SECONDS),
    "uploaded": Stage(calls_of("CompleteMultipartUpload"), after=True, source_seconds=LONG_SECONDS),
    "commit": Stage(_sets("completed")),
    "committed": Stage(_sets("completed"), after=True, lost_attempts=0),
    "delete": Stage(deletes_messages, lost_attempts=0),
}


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    with FaultProxy(stack.endpoint).running() as proxy:
        yield proxy


@dataclass
class WorkerAtStage:
    """A worker that is in the middle of a stage. `replacement` starts another worker on the same stack."""

    stage: Stage
    job_id: str
    stack: Stack
    worker: WorkerProcess
    replacement: Callable[[], WorkerProcess]
    workspace: Path
    proxy: FaultProxy
    release: Callable[[], None]

    def check_end(self, *, lost_attempts: int) -> None:
        """Let another worker finish what is left; then check the record, the output, the queues and the workspace."""
        workers = [self.worker]
        if not self._is_over():
            workers.append(replacement := self.replacement())
            replacement.wait_for("worker.ready")
            try:
                wait_for(self._is_over, "the end of the job", timeout=60)
                self.stack.final_record(self.job_id)
            except AssertionError as exc:
                raise AssertionError(f"{exc}\n{self.worker.transcript()}\n{replacement.transcript()}") from None
            _interrupt_twice(replacement)
            assert replacement.wait() == 0, replacement.transcript()

        transcripts = "\n".join(each.transcript() for each in workers)
        ends = [line for each in workers for line in each.lines if line["event"] == "job.completed"]
        assert len(ends) <= 1, transcripts
        record = self.stack.final_record(self.job_id)
        assert record["attempt"] == 1 + lost_attempts, transcripts
        assert record["outputs"][0]["bytes"] == len(self.stack.output(self.job_id))
        output = self.workspace.parent / "output"
        output.write_bytes(self.stack.output(self.job_id))
        assert listen(output).seconds == pytest.approx(self.stage.source_seconds, abs=0.01)
        assert list(leftovers(self.stack, self.workspace)) == [], transcripts
        assert self.stack.messages_in(self.stack.dead_letter_url) == 0

    def _is_over(self) -> bool | None:
        is_over = self.stack.status(self.job_id) == "completed" and self.stack.messages_in(self.stack.queue_url) == 0
        return is_over or None


def _interrupt_twice(worker: WorkerProcess) -> None:
    worker.signal(signal.SIGINT)
    worker.wait_for("worker.draining")
    worker.signal(signal.SIGINT)


@pytest.fixture
def at_stage(
    request: pytest.FixtureRequest,
    stack: Stack,
    proxy: FaultProxy,
    start_worker: StartWorker,
    unique: Callable[[str], str],
    tmp_path: Path,
) -> WorkerAtStage:
    name: str = request.param
    job_id = unique("job")  # Redis is shared
    settings = {
        "WORKER_WORKSPACE": str(tmp_path / "workspace"),
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS),
        "WORKER_CONCURRENCY": "1",  # no poll is open while the job runs: a drain need not wait for one
        "WORKER_DRAIN_SECONDS": "12",
        "REDIS_CONNECT_TIMEOUT_SECONDS": "5",  # on a busy machine
        "REDIS_COMMAND_TIMEOUT_SECONDS": "5",
    }
    through_proxy = replace(stack, endpoint=proxy.url)
    source = stack.put_source("sound.wav", silence(STAGES[name].source_seconds))
    output = {"target": stack.target(job_id), "format": "wav", "sample_rate_hz": 48_000}
    stack.send_job(job_id, source, output)
    proxy.hold(STAGES[name].matches, after=STAGES[name].after)
    held: FaultProxy | HeldConverter = proxy
    extra = {}
    if name == "convert":
        held = HeldConverter(tmp_path)
        extra = {"WORKER_FFMPEG": str(held.path)}
    worker = start_worker(through_proxy, **settings, **extra)
    try:
        held.wait_held()
    except AssertionError as exc:
        raise AssertionError(f"{exc}\n{worker.transcript()}") from None
    return WorkerAtStage(
        STAGES[name],
        job_id,
        stack,
        worker,
        lambda: start_worker(stack, **settings),
        tmp_path / "workspace",
        proxy,
        held.release,
    )


ONCE_EACH = ("receive", "claim", "download", "convert", "upload", "commit", "delete")
at_each_stage = pytest.mark.parametrize("at_stage", ONCE_EACH, indirect=True)
at_each_moment = pytest.mark.parametrize("at_stage", STAGES, indirect=True)


# --- signals ---------------------------------------------------------------------------------------------------------


@at_each_stage
def test_sigterm_lets_the_running_job_complete(at_stage: WorkerAtStage) -> None:
    at_stage.worker.signal(signal.SIGTERM)
    at_stage.worker.wait_for("worker.draining")
    at_stage.release()

    assert at_stage.worker.wait() == 0, at_stage.worker.transcript()
    at_stage.check_end(lost_attempts=0)


@at_each_moment
def test_a_second_sigint_releases_the_job_at_once(at_stage: WorkerAtStage) -> None:
    _interrupt_twice(at_stage.worker)

    assert at_stage.worker.wait() == 0, at_stage.worker.transcript()
    if at_stage.worker.find("job.released"):
        assert at_stage.stack.status(at_stage.job_id) == "queued"
    at_stage.proxy.drop()
    at_stage.check_end(lost_attempts=0)


@at_each_moment
def test_the_job_of_a_killed_worker_is_done_by_another(at_stage: WorkerAtStage) -> None:
    at_stage.worker.signal(signal.SIGKILL)

    assert at_stage.worker.wait() == -signal.SIGKILL
    at_stage.proxy.drop()
    at_stage.check_end(lost_attempts=at_stage.stage.lost_attempts)


def handles_sigterm(pid: int) -> bool:
    """Whether the process has a handler for it (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_worker_that_is_stopped_while_it_starts_exits_with_0(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(stack, program=STARTED_ANEW)
    wait_for(lambda: handles_sigterm(worker.pid) or None, "a handler for SIGTERM")

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert worker.find("worker.crashed") is None
