"""The launcher that all converters share: the end of one reaches no other, and where it stands still it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.integration.test_ffmpeg_process import start_long_conversion
from tests.support.conversions import an_output, converted
from tests.support.processes import descendants_of, is_alive, parent_of
from tests.support.sandboxes import LIMITS, PYTHON
from tests.support.sounds import sound
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import process
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.launcher import Child, Launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.audio import AudioFormat

pytestmark = pytest.mark.skipif(not kernel.IS_LINUX, reason="it is asked in Linux's /proc what the launcher does")

_SLEEPS = "import time; time.sleep(600)"


class HalfAnOrder:
    """The launcher's socket, on which an order comes in two halves. The launcher waits in between."""

    def __init__(self, orders: socket.socket, meanwhile: Callable[[], None]) -> None:
        self._orders = orders
        self._meanwhile = meanwhile

    def sendmsg(self, buffers: Sequence[bytes], ancillary: Sequence[tuple[int, int, bytes]]) -> int:
        message = b"".join(buffers)
        sent = self._orders.sendmsg([message[: len(message) // 2]], ancillary)
        self._meanwhile()
        return sent

    def sendall(self, data: bytes) -> None:
        self._orders.sendall(data)


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    launcher.facts()
    yield launcher
    launcher.close()


def start(launcher: Launcher, directory: Path, program: str) -> Child:
    command = [PYTHON, "-I", "-S", "-c", program]
    return launcher.launch(command, fds=(), cwd=directory, environment={}, limits=LIMITS, sandbox=Sandbox())


async def test_a_converter_that_ends_just_when_it_is_not_wanted_any_more_ends_alone(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwanted = start(launcher, tmp_path, _SLEEPS)
    assert launcher.pid is not None
    assert launcher._orders is not None
    beneath = partial(descendants_of, launcher.pid, named=PYTHON)
    await wait_until(beneath)
    (pid,) = beneath()
    neighbour = start(launcher, tmp_path, _SLEEPS)

    def end_and_be_unwanted() -> None:
        """In this order, so that the launcher learns of both at once, of the end first."""
        os.kill(pid, signal.SIGKILL)
        while is_alive(pid) or has_pending_signals(launcher):
            time.sleep(0.001)
        unwanted.kill()

    with monkeypatch.context() as patched:
        patched.setattr(launcher, "_orders", HalfAnOrder(launcher._orders, end_and_be_unwanted))
        following = start(launcher, tmp_path, "raise SystemExit(7)")

    assert (await unwanted.ended()).code == -signal.SIGKILL
    assert (await following.ended()).code == 7
    neighbour.kill()
    assert (await neighbour.ended()).code == -signal.SIGKILL
    for child in (unwanted, following, neighbour):
        child.close()


async def test_a_launcher_that_stands_still_is_killed_when_its_converter_is_not_wanted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_KILL_SECONDS", 0.2)
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")
    os.kill(parent_of(pid), signal.SIGSTOP)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)

    await wait_until(lambda: not is_alive(pid))
    await converted(sound("plain.wav"), tmp_path, an_output(AudioFormat.MP3))


def has_pending_signals(launcher: Launcher) -> bool:
    """Whether a signal has been sent to it that it has not taken yet (proc(5))."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{launcher.pid}/status").read_text().splitlines())
    return any(int(lines[name], 16) for name in ("SigPnd", "ShdPnd"))
