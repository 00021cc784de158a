"""A converter that a hostile file has taken over reaches nothing, on each level of the kernel."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.attacks import ALWAYS, STOPPED_BY, attack, hostile_targets, stops
from tests.support.sandbox_check import is_closed, lines_of
from tests.support.sandboxes import LIMITS, PYTHON, reached, run_python
from worker.adapters.ffmpeg.process import run
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.errors import UnsupportedAudioError

pytestmark = pytest.mark.skipif(not kernel.IS_LINUX, reason="sandboxes are Linux's")

# What may fail without a sandbox, too: by the network, by settings of the kernel, or because root's rights are gone.
UNCERTAIN = {
    "connect to the metadata of EC2",
    "connect to the metadata of ECS",
    "read a neighbour's environment",
    "connect to the hypervisor",
    "trace a neighbour",
    "take a neighbour's descriptor",
    "drop a neighbour's memory",
    "keep a neighbour to one core",
    "make calls by numbers of x32",
    "keep memory in a queue",
    "slow the worker down",
    "make a user namespace",
    "start a process in namespaces",
    "use io_uring",
    "use bpf",
    "use keys",
    "count events",
    "catch page faults",
}
_LANDLOCKS = (0, 1, 2, 3, 4, 5, 6, 7)
LEVELS = [Sandbox(seccomp, landlock_abi) for seccomp in (True, False) for landlock_abi in _LANDLOCKS]


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, object]]:
    with hostile_targets(tmp_path) as targets:
        yield targets


@pytest.mark.parametrize(
    "sandbox",
    LEVELS,
    ids=[f"{'seccomp' if level.seccomp else 'none'}-landlock{level.landlock_abi}" for level in LEVELS],
)
async def test_what_a_level_promises_to_stop_is_stopped(
    sandbox: Sandbox, targets: dict[str, object], tmp_path: Path
) -> None:
    facts = shared_launcher().facts()
    if sandbox.seccomp > facts.seccomp or sandbox.landlock_abi > facts.landlock_abi:
        pytest.skip(f"this kernel has {facts}")
    ran = await attack(targets, tmp_path, sandbox)

    errors = reached(ran.output)
    assert "read /etc/passwd" in errors, ran
    promised = {name for name, by in STOPPED_BY.items() if any(stops(sandbox, each) for each in by)}
    assert {name for name in promised if errors.get(name, "") is None} == set()
    if sandbox.seccomp and sandbox.landlock_abi >= 6:
        assert promised == set(STOPPED_BY), "nothing is left open"
    if sandbox.seccomp:
        assert set(errors) == set(STOPPED_BY), ran


async def test_every_attempt_works_where_nothing_stops_it(targets: dict[str, object], tmp_path: Path) -> None:
    """Otherwise the list would prove nothing: an attempt that never works is always stopped."""
    ran = await attack(targets, tmp_path, Sandbox())

    errors = reached(ran.output)
    certain = {name for name, by in STOPPED_BY.items() if ALWAYS not in by} - UNCERTAIN
    assert {name: error for name, error in errors.items() if name in certain and error is not None} == {}
    # A program that has been replaced prints no more.
    assert certain - set(errors) <= {"run a program from memory", "run a shell"}


def test_the_list_says_what_was_reached_and_what_was_never_tried() -> None:
    errors: dict[str, str | None] = dict.fromkeys(STOPPED_BY, "Permission denied")
    assert is_closed(errors)
    assert "listen: Permission denied (seccomp and Landlock 4)" in lines_of(errors, Sandbox(True, 7))
    assert "fork: Permission denied (no part of this sandbox promises it)" in lines_of(errors, Sandbox())

    assert not is_closed(errors | {"listen": None})
    assert "listen: REACHED" in lines_of(errors | {"listen": None}, Sandbox(True, 7))

    del errors["run a shell"]
    assert not is_closed(errors)
    assert "run a shell: NOT TRIED, the converter ended before" in lines_of(errors, Sandbox(True, 7))


_CALL_OF_32_BITS = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("53b814000000cd805bc3"))  # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
print("begun", flush=True)
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="64-bit ARM has no such calls in a 64-bit program")
async def test_a_call_by_the_numbers_of_32_bits_ends_the_process(tmp_path: Path) -> None:
    if not shared_launcher().facts().seccomp:
        pytest.skip("needs seccomp")

    ran = await run_python(_CALL_OF_32_BITS, cwd=tmp_path, sandbox=Sandbox(seccomp=True))

    assert (ran.code, ran.output) == (-signal.SIGSYS, "begun\n")


async def test_what_it_prints_without_end_is_read_slowly(tmp_path: Path) -> None:
    """Otherwise one converter could keep the loop of all jobs busy, as long as its job may last."""
    chunks = 20
    read: list[bytes] = []

    def read_some(chunk: bytes) -> None:
        read.append(chunk)
        if len(read) == chunks:
            raise UnsupportedAudioError("enough")

    began_at = time.monotonic()
    with pytest.raises(UnsupportedAudioError, match="enough"):
        await run(
            [PYTHON, "-I", "-S", "-c", "import os\nwhile True: os.write(1, b'x' * 65_536)"],
            fds=(),
            cwd=tmp_path,
            limits=LIMITS,
            on_output=read_some,
            on_log=lambda _: None,
        )
    assert time.monotonic() - began_at > 0.02 * chunks
