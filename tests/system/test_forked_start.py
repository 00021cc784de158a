"""Most workers of the tests are forked. Such a worker gets from its starter what one that is started anew gets."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forking import can_fork, inherited, run_worker
from tests.support.processes import descendants_of
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import STARTED_ANEW, WorkerProcess

# proc(5): signals that are blocked, ignored and handled; the mask of files; privileges; threads; processors.
_STATUS = ("SigBlk", "SigIgn", "SigCgt", "Umask", "Uid", "CapEff", "NoNewPrivs", "Threads", "Cpus_allowed_list")

pytestmark = pytest.mark.skipif(not can_fork(inherited()), reason="this system has no pidfd_open(2)")


def state_of(worker: WorkerProcess) -> dict[str, object]:
    """What the system knows of the process, less what differs between any two."""
    worker.wait_for("redis.connected")
    worker.wait_for("worker.ready")
    process = Path(f"/proc/{worker.pid}")
    lines = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    (launcher,) = wait_for(lambda: descendants_of(worker.pid) or None, "the launcher of converters")
    return {
        **{name: lines[name] for name in _STATUS},
        "session": os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid,
        "directory": (process / "cwd").readlink(),
        "program": (process / "exe").readlink(),
        "limits": (process / "limits").read_text(),
        "files": {_kind(each) for each in (process / "fd").iterdir()},
        "files of the launcher": {_kind(each) for each in Path(f"/proc/{launcher}/fd").iterdir()},
        "settings": worker.wait_for("worker.started")["settings"],
    }


def _kind(descriptor: Path) -> str:
    """What it leads to; of the standard streams with the number. How many connections there are differs."""
    kind = descriptor.readlink().name.partition(":[")[0]
    return f"{descriptor.name} {kind}" if int(descriptor.name) < 3 else kind


def test_a_forked_worker_is_in_the_state_of_one_that_is_started_anew(
    stack: Stack, start_worker: Callable[..., WorkerProcess], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start_worker(stack).close()  # the server of forks runs, with this directory
    monkeypatch.chdir(tmp_path)

    forked, anew = (state_of(start_worker(stack, program=program)) for program in (None, STARTED_ANEW))

    assert forked == anew
    assert forked["directory"] == tmp_path


def test_its_end_is_that_of_the_process(stack: Stack, start_worker: Callable[..., WorkerProcess]) -> None:
    killed, drained, refused = start_worker(stack), start_worker(stack), start_worker(stack, WORKER_CONCURRENCY="none")
    for worker in (killed, drained):
        worker.wait_for("worker.ready")

    killed.signal(signal.SIGKILL)
    drained.signal(signal.SIGTERM)

    assert (killed.wait(), drained.wait(), refused.wait()) == (-signal.SIGKILL, 0, 78)
    assert refused.errors.startswith("worker: WORKER_CONCURRENCY: ")
    assert not Path(f"/proc/{killed.pid}").exists()


def test_it_reads_its_standard_input_and_has_no_variable_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_PRESETS", "/nonexistent")

    logs = run_worker(["logs"], env=inherited(), text=b'{"event": "job.completed"}\n')
    presets = run_worker(["presets"], env=inherited())
    broken = run_worker(["presets"], env=inherited() | {"WORKER_PRESETS": "/nonexistent"})

    assert (logs.returncode, presets.returncode) == (0, 0), (logs, presets)
    assert "job.completed" not in logs.stderr
    assert broken.returncode == 78


@pytest.mark.parametrize("name", ["PYTHONPATH", "LANG", "LC_ALL", "LD_PRELOAD"])
def test_what_python_reads_at_its_start_alone_needs_a_start(name: str) -> None:
    assert can_fork(inherited() | {"TZ": "Europe/Berlin"})
    assert not can_fork(inherited() | {name: "x"})
