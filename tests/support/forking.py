"""The commands of the worker, forked from a process that has imported them (`tests/support/fork_server.py`)."""

from __future__ import annotations

import atexit
import functools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.fork_server import NUMBER, Request

MODULES = ("worker.cli.status", "worker.cli.submit", "worker.bootstrap.run", "worker.gateway.serving", "worker.logs")
# What an interpreter and its C library read once, at their start.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_")


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a forked process can have that environment: what Python reads at its start alone is the same."""
    return hasattr(os, "pidfd_open") and _at_start(environment) == _at_start(inherited())


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}


class ForkedProcess:
    """A forked `python -m worker`, in a session of its own: as much of `subprocess.Popen` as tests use.

    `stdout` and `stderr` are what it writes, where it is `piped`.
    """

    stdout: IO[str]
    stderr: IO[str]

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str], streams: Sequence[int]) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self._reports, report = os.pipe()
        request = Request("worker", self.args, str(Path.cwd()), dict(env))
        try:
            socket.send_fds(_server(), [request.to_bytes()], [*streams, report])
        finally:
            os.close(report)
        self.pid = self._reported()

    @classmethod
    def piped(cls, arguments: Sequence[str], *, env: Mapping[str, str]) -> ForkedProcess:
        """Start a process with nothing to read, and pipes for what it writes, as text."""
        pipes = [os.pipe() for _ in range(2)]
        writers = [writer for _, writer in pipes]
        with Path(os.devnull).open("rb") as nothing:
            process = cls(arguments, env=env, streams=[nothing.fileno(), *writers])
        for writer in writers:
            os.close(writer)
        process.stdout, process.stderr = (os.fdopen(reader) for reader, _ in pipes)
        return process

    def poll(self) -> int | None:
        return self._end_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code. Raises subprocess.TimeoutExpired."""
        code = self._end_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # the server has reaped it, and its report is on the way
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end_within(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                reports = select.poll()
                reports.register(self._reports, select.POLLIN)
                if reports.poll(None if timeout is None else timeout * 1000):
                    self.returncode = self._reported()
                    os.close(self._reports)
            return self.returncode

    def _reported(self) -> int:
        (number,) = NUMBER.unpack(os.read(self._reports, NUMBER.size))
        return int(number)


def run_worker(
    arguments: Sequence[str], *, env: Mapping[str, str], text: bytes = b"", timeout: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run `worker` to its end, with that text to read. Raises subprocess.TimeoutExpired."""
    if not can_fork(env):
        command = [sys.executable, "-m", "worker", *arguments]
        done = subprocess.run(command, env=env, input=text, capture_output=True, check=False, timeout=timeout)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(text)
        stdin.seek(0)
        process = ForkedProcess(arguments, env=env, streams=[each.fileno() for each in (stdin, stdout, stderr)])
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        outputs = [(each.seek(0), each.read().decode())[1] for each in (stdout, stderr)]
        return subprocess.CompletedProcess(process.args, code, *outputs)


@functools.cache
def _server() -> socket.socket:
    """The socket of a fork server that ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno()), *MODULES],
            env=inherited(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    atexit.register(_stop, ours, server)
    return ours


def _stop(requests: socket.socket, server: subprocess.Popen[bytes]) -> None:
    requests.close()
    server.wait()


def inherited() -> dict[str, str]:
    """The variables that any process needs, without the settings of the environment in which the tests run."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
