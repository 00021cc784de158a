"""Every signal at every stage: the job is done once, by the next worker where this one cannot, and nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.holding_proxy import Call, HoldingProxy
from tests.support.house import Stack, wait_for
from tests.support.leftovers import leftovers
from tests.support.sounds import FFMPEG, listen, silence
from tests.support.worker_process import WorkerProcess

StartWorker = Callable[..., WorkerProcess]

LONG_SECONDS = 180  # as WAV of 48 kHz more than S3Store sends in one piece
LEASE_SECONDS = 3


# --- stages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A call to hold, and how often the job has been started for good when the worker dies in it.

    `unknown_attempts` are starts that the worker cannot know of, and so cannot take back when it is stopped.
    """

    matches: Callable[[Call], bool]
    after: bool = False
    lost_attempts: int = 1
    unknown_attempts: int = 0
    source_seconds: int = 2


def _sets(status: str) -> Callable[[Call], bool]:
    return lambda call: call.action == "UpdateItem" and f'\\"status\\":\\"{status}\\"'.encode() in call.body


STAGES = {
    "receive": Stage(lambda call: call.action == "ReceiveMessage", after=True, lost_attempts=0),
    "claim": Stage(_sets("running"), lost_attempts=0),
    "claimed": Stage(_sets("running"), after=True, unknown_attempts=1),
    "download": Stage(lambda call: call.action == "GET" and "-in" in call.path),
    "convert": Stage(lambda _: False),  # the converter itself is held
    "upload": Stage(lambda call: call.action == "PUT" and "partNumber=2" in call.path, source_seconds=LONG_SECONDS),
    "uploaded": Stage(
        lambda call: call.action == "POST" and "uploadId=" in call.path, after=True, source_seconds=LONG_SECONDS
    ),
    "commit": Stage(_sets("completed")),
    "committed": Stage(_sets("completed"), after=True, lost_attempts=0),
    "delete": Stage(lambda call: call.action == "DeleteMessageBatch", lost_attempts=0),
}


class HeldConverter:
    """An ffmpeg whose first conversion waits until somebody opens its gate."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "ffmpeg"
        self._reached = directory / "reached"
        self._gate = directory / "gate"
        os.mkfifo(self._gate)
        self.path.write_text(
            "#!/bin/bash\n"
            f'case "$*" in *-progress*) mkdir {self._reached} 2> /dev/null && read -r _ < {self._gate} ;; esac\n'
            f'exec {FFMPEG} "$@"\n'
        )
        self.path.chmod(0o755)

    def wait_held(self) -> None:
        wait_for(lambda: self._reached.exists() or None, "a conversion")

    def release(self) -> None:
        with self._gate.open("w") as gate:
            gate.write("go\n")


@pytest.fixture
def proxy(stack: Stack) -> Iterator[HoldingProxy]:
    with HoldingProxy(stack.endpoint).running() as proxy:
        yield proxy


@dataclass
class Scene:
    """A worker that is in the middle of a stage, and what the test may do with it."""

    stage: Stage
    job_id: str
    stack: Stack
    worker: WorkerProcess
    heir: Callable[[], WorkerProcess]
    workspace: Path
    proxy: HoldingProxy
    release: Callable[[], None]

    def check_the_end(self, *, lost_attempts: int) -> None:
        """Let another worker finish what is left, and see that all is well."""
        workers = [self.worker]
        if not self._is_over():
            workers.append(heir := self.heir())
            heir.wait_for("worker.ready")
            try:
                wait_for(self._is_over, "the end of the job", timeout=60)
            except AssertionError as exc:
                raise AssertionError(f"{exc}\n{self.worker.transcript()}\n{heir.transcript()}") from None
            _stop_now(heir)
            assert heir.wait() == 0, heir.transcript()

        story = "\n".join(each.transcript() for each in workers)
        ends = [line for each in workers for line in each.lines if line["event"] == "job.completed"]
        assert len(ends) <= 1, story
        record = self.stack.final_record(self.job_id)
        assert record["attempt"] == 1 + lost_attempts, story
        assert record["outputs"][0]["bytes"] == len(self.stack.output(self.job_id))
        output = self.workspace.parent / "output"
        output.write_bytes(self.stack.output(self.job_id))
        assert listen(output).seconds == pytest.approx(self.stage.source_seconds, abs=0.01)
        assert list(leftovers(self.stack, self.workspace)) == [], story
        assert self.stack.waiting(self.stack.dead_letter_url) == 0

    def _is_over(self) -> bool | None:
        is_over = self.stack.status(self.job_id) == "completed" and self.stack.waiting(self.stack.queue_url) == 0
        return is_over or None


def _stop_now(worker: WorkerProcess) -> None:
    worker.signal(signal.SIGINT)
    worker.wait_for("worker.draining")
    worker.signal(signal.SIGINT)


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    stack: Stack,
    proxy: HoldingProxy,
    start_worker: StartWorker,
    unique: Callable[[str], str],
    tmp_path: Path,
) -> Scene:
    name: str = request.param
    job_id = unique("job")  # Redis is shared
    settings = {
        "WORKER_WORKSPACE": str(tmp_path / "workspace"),
        "WORKER_VISIBILITY_TIMEOUT_SECONDS": str(LEASE_SECONDS),
        "WORKER_CONCURRENCY": "1",  # no poll is open while the job runs: a drain need not wait for one
        "WORKER_DRAIN_SECONDS": "12",
    }
    through_proxy = replace(stack, endpoint=f"http://127.0.0.1:{proxy.port}")
    source = stack.put_source("sound.wav", silence(STAGES[name].source_seconds))
    output = {"target": stack.target(job_id), "format": "wav", "sample_rate_hz": 48_000}
    stack.send_job(job_id, source, output)
    proxy.hold(STAGES[name].matches, after=STAGES[name].after)
    held: HoldingProxy | HeldConverter = proxy
    extra = {}
    if name == "convert":
        held = HeldConverter(tmp_path)
        extra = {"WORKER_FFMPEG": str(held.path)}
    worker = start_worker(through_proxy, **settings, **extra)
    try:
        held.wait_held()
    except AssertionError as exc:
        raise AssertionError(f"{exc}\n{worker.transcript()}") from None
    return Scene(
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
at_each_stage = pytest.mark.parametrize("scene", ONCE_EACH, indirect=True)
at_each_moment = pytest.mark.parametrize("scene", STAGES, indirect=True)


# --- signals ---------------------------------------------------------------------------------------------------------


@at_each_stage
def test_sigterm_lets_the_job_come_to_its_end(scene: Scene) -> None:
    scene.worker.signal(signal.SIGTERM)
    scene.worker.wait_for("worker.draining")
    scene.release()

    assert scene.worker.wait() == 0, scene.worker.transcript()
    scene.check_the_end(lost_attempts=0)


@at_each_moment
def test_a_second_sigint_gives_the_job_back_at_once(scene: Scene) -> None:
    _stop_now(scene.worker)

    assert scene.worker.wait() == 0, scene.worker.transcript()
    if scene.worker.find("job.released"):
        assert scene.stack.status(scene.job_id) == "queued"
    scene.proxy.drop()
    scene.check_the_end(lost_attempts=scene.stage.unknown_attempts)


@at_each_moment
def test_the_job_of_a_killed_worker_is_done_by_another(scene: Scene) -> None:
    scene.worker.signal(signal.SIGKILL)

    assert scene.worker.wait() == -signal.SIGKILL
    scene.proxy.drop()
    scene.check_the_end(lost_attempts=scene.stage.lost_attempts)


def handles_sigterm(pid: int) -> bool:
    """Whether the process has a handler for it (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_stop_while_the_worker_is_still_starting_is_a_clean_end(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(stack)
    wait_for(lambda: handles_sigterm(worker.pid) or None, "a handler for SIGTERM")

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert worker.find("worker.crashed") is None
