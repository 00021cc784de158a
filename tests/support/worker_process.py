"""`python -m worker run`, or `serve`, as a process, with its log as a list of lines."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tests.support.forking import ForkedProcess, can_fork, inherited

__all__ = ["STARTED_ANEW", "WorkerProcess", "can_mount", "inherited"]

STARTED_ANEW = (sys.executable, "-m", "worker")  # for tests of what happens before and while Python imports the code
_OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")


def can_mount() -> bool:
    """Whether this machine lets a process have mounts of its own."""
    if shutil.which("unshare") is None:
        return False
    command = [*_OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class WorkerProcess:
    """A worker, or another `command` that logs, with the settings of `environment` and no others.

    With `limit_file_kib`, a write beyond that size of a file fails, as on a full disk. With `tmpfs`, which are options
    such as `size=8m`, its WORKER_WORKSPACE is a file system of its own, which nobody else sees.

    It is forked from a process that has imported the code, unless `program` says what is to be started: STARTED_ANEW,
    or another one.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *arguments: str,
        command: str = "run",
        limit_file_kib: int | None = None,
        tmpfs: str | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self._grown = threading.Condition()
        environment = {**inherited(), **environment}
        self._process: ForkedProcess | subprocess.Popen[str]
        if program is None and limit_file_kib is None and tmpfs is None and can_fork(environment):
            self._process = ForkedProcess.piped([command, *arguments], env=environment)
        else:
            command_line = [*(program or STARTED_ANEW), command, *arguments]
            self._process = _started_anew(command_line, environment, limit_file_kib, tmpfs)
        self.errors = ""
        self._threads = [threading.Thread(target=self._read_log), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code: None while the process runs, negative for the signal that ended it."""
        return self._process.poll()

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._grown:
                self.lines.append(json.loads(line))
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors = self._process.stderr.read()

    def find(self, event: str, **fields: object) -> dict[str, Any] | None:
        """The first line of that event with those fields."""
        return next(
            (
                line
                for line in self.lines
                if line["event"] == event and all(line.get(name) == value for name, value in fields.items())
            ),
            None,
        )

    def wait_for(self, event: str, *, timeout: float = 60, **fields: object) -> dict[str, Any]:
        """Wait for the first line of that event with those fields. Raises AssertionError, with the log."""
        deadline = time.monotonic() + timeout
        with self._grown:
            while (found := self.find(event, **fields)) is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._process.poll() is not None:
                    raise AssertionError(f"no {event} with {fields}\n{self.transcript()}")
                self._grown.wait(min(remaining, 0.2))
        return found

    def transcript(self) -> str:
        code = self._process.poll()
        state = "running" if code is None else f"ended with {code}"
        return "\n".join([f"worker {self.pid} {state}", *map(json.dumps, self.lines), self.errors])

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout: float = 60) -> int:
        """The exit code, when the process has ended and all that it wrote has been read."""
        code = self._process.wait(timeout)
        for thread in self._threads:
            thread.join()
        return code

    def close(self) -> None:
        """Stop it: by SIGTERM, by a second one that ends its long poll and its jobs, and after 15 s by SIGKILL."""
        for seconds in (0.2, 15):
            if self._process.poll() is None:
                self._process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def _started_anew(
    command_line: Sequence[str], environment: Mapping[str, str], limit_file_kib: int | None, tmpfs: str | None
) -> subprocess.Popen[str]:
    if limit_file_kib is not None:
        command_line = ["bash", "-c", f'ulimit -f {limit_file_kib}; exec "$@"', "bash", *command_line]
    if tmpfs is not None:
        mount = f'mount -t tmpfs -o {tmpfs} tmpfs "$WORKER_WORKSPACE" && exec "$@"'
        command_line = [*_OWN_MOUNTS, "bash", "-c", mount, "bash", *command_line]
    return subprocess.Popen(
        command_line,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
