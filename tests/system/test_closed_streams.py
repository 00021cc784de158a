"""Commands whose standard streams are closed from the start, as some supervisors and cron jobs have it (`2>&-`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.forking import inherited
from tests.support.processes import a_process
from tests.support.sounds import sound
from tests.support.stack import Stack

Done = subprocess.CompletedProcess[str]
ALL = "<&- >&- 2>&-"


def command(closed: str, *arguments: str) -> Sequence[str]:
    """`worker`, by a shell that closes these streams."""
    return ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "worker", *arguments]


def worker(closed: str, *arguments: str, env: Mapping[str, str]) -> Done:
    """Run a command to its end. Its standard input has nothing to read where it is open."""
    return subprocess.run(
        command(closed, *arguments),
        env={**inherited(), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_log_lines_that_can_come_from_nowhere_are_asked_for() -> None:
    done = worker("<&-", "logs", env={})

    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("worker: name files of log lines, or pipe them in")


def test_log_lines_of_a_file_are_read_without_standard_input(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text('{"event": "job.failed", "outcome": "failed", "job_id": "ep-1"}\n')

    done = worker("<&-", "logs", "--job", "ep-1", str(log), env={})

    assert (done.returncode, done.stderr) == (0, "")
    assert "job.failed" in done.stdout


def test_what_is_for_standard_error_is_not_among_the_results(stack: Stack) -> None:
    unknown = worker("2>&-", "status", "none", "--json", env=stack.environment())
    unset = worker("2>&-", "status", "none", "--json", env={})

    assert (unknown.returncode, unknown.stdout) == (4, "null\n")
    assert (unset.returncode, unset.stdout) == (78, "")


def test_each_command_does_its_work_without_its_streams(stack: Stack, unique: Callable[[str], str]) -> None:
    job_id = unique("job")
    source = stack.put_source("in.wav", sound("plain.wav"))
    job = ("submit", source, "--output", stack.target("out.mp3"), "--job-id", job_id)
    commands: Mapping[tuple[str, ...], int] = {
        (*job, "--wait", "--timeout", "0.1"): 124,
        ("run", "--max-jobs", "1"): 0,
        ("watch", job_id): 0,
        ("status", job_id): 0,
        ("cancel", job_id): 1,
        ("retry", job_id): 1,
        ("jobs",): 0,
        ("redrive",): 0,
        ("doctor",): 0,
        ("schema", "record"): 0,
        ("presets",): 0,
        ("--version",): 0,
        ("fly",): 64,
    }

    codes = {each: worker(ALL, *each, env=stack.environment()).returncode for each in commands}

    assert codes == commands
    assert stack.status(job_id) == "completed"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks /proc for the open files")
def test_no_file_of_a_worker_gets_the_number_of_a_closed_stream(stack: Stack, unique: Callable[[str], str]) -> None:
    """What a library, or a process that inherits it, writes there would be in that file."""
    job_id = unique("job")
    output = {"target": stack.target("out.mp3"), "format": "mp3"}
    stack.send_job(job_id, stack.put_source("in.wav", sound("plain.wav")), output)

    with a_process(command(ALL, "run"), env=inherited() | stack.environment()) as process:
        stack.final_record(job_id)
        files = [Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in range(3)]
        process.terminate()
        assert process.wait(60) == 0

    assert files == [Path("/dev/null")] * 3
