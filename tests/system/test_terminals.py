"""`submit --wait`, `watch` and `status` on real terminals: narrow, dumb and ASCII ones, and what Ctrl-C says."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.commands import worker
from tests.support.processes import a_process
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.terminal import on_terminal
from tests.support.worker_process import WorkerProcess, inherited

Start = Callable[..., WorkerProcess]


def environment(stack: Stack, **more: str) -> dict[str, str]:
    return inherited() | stack.environment() | {"TERM": "xterm"} | more


def lines_of(text: str) -> list[str]:
    """Each text that stood in a line of the terminal at some time."""
    return [part.removesuffix("\x1b[K") for part in re.split(r"[\r\n]+", text) if part]


def submit_and_wait(stack: Stack, job_id: str) -> list[str]:
    source = stack.put_source("shows/é – ü.wav", sound("plain.wav"))
    output = ["--output", stack.target("é – ü.mp3"), "--job-id", job_id]
    return [sys.executable, "-m", "worker", "submit", source, *output, "--wait"]


@pytest.mark.parametrize("columns", [100, 30, 12])
def test_a_bar_fits_the_terminal_and_standard_output_has_the_id_alone(
    columns: int, stack: Stack, start_worker: Start, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    start_worker(stack).wait_for("worker.ready")

    with on_terminal(submit_and_wait(stack, job_id), environment(stack), columns=columns) as terminal:
        output, _ = terminal.process.communicate(timeout=60)
        shown = terminal.shown()
    assert (terminal.process.returncode, output) == (0, f"{job_id}\n")
    bars = [line for line in lines_of(shown) if line.endswith("%") or " %  " in line]
    assert any("100.0 %" in line for line in bars)
    assert all(len(line) < columns for line in bars)
    assert "é – ü.mp3" in shown


def test_a_dumb_terminal_gets_lines_without_control_sequences(
    stack: Stack, start_worker: Start, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    start_worker(stack).wait_for("worker.ready")

    with on_terminal(submit_and_wait(stack, job_id), environment(stack, TERM="dumb"), columns=80) as terminal:
        assert terminal.process.wait(60) == 0
        shown = terminal.shown()
    assert f"{job_id} completed 100 %\r\n" in shown
    assert "\x1b" not in shown


def test_an_ascii_terminal_gets_names_with_escapes(
    stack: Stack, start_worker: Start, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    start_worker(stack).wait_for("worker.ready")
    ascii_only = environment(stack, PYTHONIOENCODING="ascii")

    with on_terminal(submit_and_wait(stack, job_id), ascii_only, columns=80) as terminal:
        assert terminal.process.wait(60) == 0
        shown = terminal.shown("ascii")
    assert "100.0 %" in shown
    assert r"\xe9 \u2013 \xfc.mp3" in shown

    status = [sys.executable, "-m", "worker", "status", job_id]
    with on_terminal(status, ascii_only, columns=80, both=True) as terminal:
        assert terminal.process.wait(60) == 0
        shown = terminal.shown("ascii")
    assert r"\xe9 \u2013 \xfc.wav" in shown


def test_an_interrupted_wait_says_that_the_job_goes_on(stack: Stack, unique: Callable[[str], str]) -> None:
    job_id = unique("job")

    with on_terminal(submit_and_wait(stack, job_id), environment(stack), columns=80) as terminal:
        terminal.wait_for("queued")
        terminal.process.send_signal(signal.SIGINT)
        output, _ = terminal.process.communicate(timeout=60)
        shown = terminal.shown()
    assert (terminal.process.returncode, output) == (130, f"{job_id}\n")
    assert f"no longer watching {job_id}; the job goes on" in shown
    assert "Traceback" not in shown
    assert stack.messages_in(stack.queue_url) == 1


def test_an_interrupted_watch_exits_with_130(stack: Stack) -> None:
    watch = [sys.executable, "-m", "worker", "watch", "nobody"]

    with a_process(watch, env=environment(stack), stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, first) == (130, "", "nobody has no record yet\n")
    assert errors.splitlines() == [
        "worker: no longer watching nobody; the job goes on (worker watch nobody shows it, worker cancel ends it)"
    ]


def test_a_wait_that_takes_too_long_exits_with_124_and_the_job_goes_on(stack: Stack) -> None:
    source = stack.put_source("a.wav", b"RIFF")
    output = ["--output", stack.target("a.mp3")]

    done = worker(stack, "submit", source, *output, "--wait", "--timeout", "1.5", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"]) == (124, "queued")
    assert done.stderr.splitlines()[-1].startswith(f"worker: {document['job_id']} is not final after 1.5 s")

    done = worker(stack, "watch", document["job_id"], "--timeout", "1")
    assert (done.returncode, done.stdout) == (124, "")
    assert stack.messages_in(stack.queue_url) == 1
