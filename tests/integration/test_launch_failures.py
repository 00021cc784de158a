"""A converter that the machine cannot start now: no descriptor, process or memory is left. No job is at fault."""

from __future__ import annotations

import errno
import itertools
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.sandboxes import run_python
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import process
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.launcher import Launcher, shared_launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError

_PROCESS_DOES_NOT_START = "the machine cannot start the converter now"
_SOCKETS_OF_A_LAUNCHER = 4  # of orders, the spare one, and both ends of the one that signals wake it up by


@contextmanager
def descriptors_left(pid: int, count: int) -> Iterator[None]:
    """A limit by which the process can open `count` more."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    files = Path(f"/proc/{pid}/fd")
    used = {int(file.name) for file in list(files.iterdir()) if file.is_symlink()}  # not that of the listing itself
    free = (number for number in range(before[0]) if number not in used)
    limit = next(itertools.islice(free, count, None))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def launcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Launcher]:
    """One that has started nothing yet, and waits for orders: its spare descriptor is below all that are free."""
    launcher = Launcher()
    launcher.facts()
    await wait_until(lambda: sum("socket" in file for file in files_of(launcher.pid)) == _SOCKETS_OF_A_LAUNCHER)
    monkeypatch.setattr(process, "shared_launcher", lambda: launcher)
    yield launcher
    launcher.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS])
async def test_what_the_machine_lacks_costs_no_attempt(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Launcher, "launch", launch)

    with pytest.raises(DependencyUnavailableError, match=_PROCESS_DOES_NOT_START) as error:
        await run_python("", cwd=tmp_path, sandbox=Sandbox())
    assert os.strerror(code) in str(error.value)


async def test_what_is_wrong_with_the_program_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def launch(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Launcher, "launch", launch)

    with pytest.raises(ConverterCrashedError, match="could not be started"):
        await run_python("", cwd=tmp_path, sandbox=Sandbox())


@pytest.mark.skipif(not kernel.IS_LINUX, reason="limits of another process are Linux's")
@pytest.mark.parametrize("count", [0, 2, 5])
async def test_a_worker_without_descriptors_starts_the_converter_once_it_has_some(count: int, tmp_path: Path) -> None:
    shared_launcher().facts()

    with (
        descriptors_left(os.getpid(), count),
        pytest.raises(DependencyUnavailableError, match=_PROCESS_DOES_NOT_START),
    ):
        await run_python("", cwd=tmp_path, sandbox=Sandbox())
    assert (await run_python("print(1)", cwd=tmp_path, sandbox=Sandbox())).output == "1\n"


@pytest.mark.skipif(not kernel.IS_LINUX, reason="limits of another process are Linux's")
@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_launcher_without_descriptors_goes_on(count: int, launcher: Launcher, tmp_path: Path) -> None:
    assert launcher.pid is not None

    with (
        descriptors_left(launcher.pid, count),
        pytest.raises(DependencyUnavailableError, match=_PROCESS_DOES_NOT_START),
    ):
        await run_python("", cwd=tmp_path, sandbox=Sandbox())
    await assert_is_the_launcher(launcher.pid, tmp_path)


@pytest.mark.skipif(not kernel.IS_LINUX, reason="limits of another process are Linux's")
async def test_the_descriptors_that_a_launcher_gets_by_an_order_that_it_refuses_are_closed(
    launcher: Launcher, tmp_path: Path
) -> None:
    assert launcher.pid is not None
    before = files_of(launcher.pid)

    for count in (0, 1, 2):
        for _ in range(3):
            with descriptors_left(launcher.pid, count), pytest.raises(DependencyUnavailableError):
                await run_python("", cwd=tmp_path, sandbox=Sandbox())

    assert files_of(launcher.pid) == before
    await assert_is_the_launcher(launcher.pid, tmp_path)


def files_of(pid: int | None) -> list[str]:
    """What its descriptors are, whatever their numbers."""
    return sorted(str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir())


async def assert_is_the_launcher(pid: int, tmp_path: Path) -> None:
    ran = await run_python("import os; print(os.getppid())", cwd=tmp_path, sandbox=Sandbox())
    assert ran.output == f"{pid}\n"
