"""The worker's side of the launcher: starts its process, and has it start programs."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from worker.adapters.sandbox.policy import KernelFacts, ProcessLimits, Sandbox
from worker.adapters.sandbox.programs import program_of
from worker.adapters.sandbox.protocol import FACTS, RECORD, Kind, Order, send_order
from worker.domain.errors import WorkerError

_START_SECONDS = 30.0
_END_SECONDS = 10.0
_ROOT = Path(__file__).parents[3]
_CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from worker.adapters.sandbox.service import main
main(int(sys.argv[2]))
"""


class LauncherLostError(WorkerError):
    """The launcher has ended, and with it what it had started."""

    def __init__(self) -> None:
        super().__init__("the process that starts converters has ended, or cannot be started")


@dataclass(frozen=True, slots=True)
class End:
    """How a process has ended. `code`: its exit code, negative for a signal."""

    code: int
    cpu_seconds: float
    peak_bytes: int


class Child:
    """A process that the launcher has been asked to start.

    `output` and `errors` are where its standard output and standard error are read, without waiting. `end` is set
    when it is known.
    """

    def __init__(
        self, answers: socket.socket, output: int, errors: int, launcher: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.output = output
        self.errors = errors
        self.end: End | None = None
        self._answers = answers
        self._launcher = launcher
        self._received = bytearray()

    async def ended(self) -> End:
        """Wait until it has ended, and all of its group. May be called again after a cancellation.

        Raises OSError where it could not be started, and LauncherLostError.
        """
        loop = asyncio.get_running_loop()
        while chunk := await loop.sock_recv(self._answers, RECORD.size):
            self._received += chunk
        if not self._received:
            raise LauncherLostError
        kind, number, cpu_seconds, peak_bytes = RECORD.unpack_from(self._received)
        if kind == Kind.FAILED:
            raise OSError(number, os.strerror(number))
        self.end = End(os.waitstatus_to_exitcode(number), cpu_seconds, peak_bytes)
        return self.end

    def kill(self) -> None:
        """Have the process killed with all that it has started. `ended` waits until that is done."""
        with suppress(OSError):  # it has ended already
            self._answers.shutdown(socket.SHUT_WR)

    def kill_launcher(self) -> None:
        """Kill the launcher, which has not done so in time, with all that it has started."""
        if self._launcher is not None:
            self._launcher.kill()

    def close(self) -> None:
        """Close the worker's ends."""
        self._answers.close()
        os.close(self.output)
        os.close(self.errors)


class Launcher:
    """A process that starts programs for this one. It is started when it is needed, and again where it has died.

    It ends when this process ends, in whatever way, and all that it has started ends with it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._facts: KernelFacts | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process started last, which may have ended. None before the first start and after `close`."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process if it does not run. Raises OSError."""
        if self._orders is not None:
            return
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CODE, str(_ROOT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={},
                start_new_session=True,
            )

    def facts(self) -> KernelFacts:
        """What the kernel can do. Waits for the launcher's start. Raises OSError, LauncherLostError."""
        self.start()
        assert self._orders is not None
        if self._facts is None:
            self._orders.settimeout(_START_SECONDS)
            try:
                words = self._orders.recv(FACTS.size)
            except TimeoutError:
                words = b""
            if len(words) != FACTS.size:
                self.close()
                raise LauncherLostError
            self._orders.settimeout(None)
            self._facts = KernelFacts(*FACTS.unpack(words))
        return self._facts

    def launch(
        self,
        command: Sequence[str],
        *,
        fds: Sequence[int],
        cwd: Path,
        environment: Mapping[str, str],
        limits: ProcessLimits,
        sandbox: Sandbox,
    ) -> Child:
        """Have a command run with these descriptors, under their numbers, and no other file.

        Raises OSError where no descriptor is left or the launcher cannot be started.
        """
        program = program_of(command[0])
        order = Order(
            program=program.path,
            arguments=tuple(map(str, command)),
            environment=tuple(environment.items()),
            directory=str(cwd.absolute()),
            numbers=(1, 2, *fds),
            limits=tuple(limits.by_resource()),
            seccomp=sandbox.seccomp,
            landlock_abi=sandbox.landlock_abi,
            executables=program.executables,
            readable=(*program.libraries, *sandbox.readable),
        )
        with ExitStack() as on_failure, ExitStack() as afterwards:
            answers, theirs = socket.socketpair()
            on_failure.callback(answers.close)
            afterwards.callback(theirs.close)
            ends = []
            for _ in range(2):
                ours, its = os.pipe()
                on_failure.callback(os.close, ours)
                afterwards.callback(os.close, its)
                ends.append((ours, its))
            (output, its_output), (errors, its_errors) = ends
            self._send(order, [theirs.fileno(), its_output, its_errors, *fds])
            for end in (output, errors):
                os.set_blocking(end, False)
            answers.setblocking(False)
            on_failure.pop_all()
            return Child(answers, output, errors, self._process)

    def _send(self, order: Order, descriptors: Sequence[int]) -> None:
        for is_last in (False, True):
            self.start()
            assert self._orders is not None
            try:
                return send_order(self._orders, order, descriptors)
            except (BrokenPipeError, ConnectionResetError):  # it has died
                self.close()
                if is_last:
                    raise
        return None

    def close(self) -> None:
        """End the process, with all that it has started, and wait for that."""
        if self._orders is not None:
            self._orders.close()
            self._orders = self._facts = None
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
            self._process = None


@cache
def shared_launcher() -> Launcher:
    """The launcher of this process, which ends with it."""
    launcher = Launcher()
    atexit.register(launcher.close)
    return launcher
