"""A converter that a hostile file has taken over reaches nothing, on each level of the kernel."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.cages import LIMITS, PYTHON, Ran, reached, run_python, standing
from worker.adapters.ffmpeg.process import run
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sandbox.seccomp import PATH_ADDRESS
from worker.domain.errors import UnsupportedAudioError

pytestmark = pytest.mark.skipif(not kernel.IS_LINUX, reason="sandboxes are Linux's")

CONVERTER = Path(__file__).parents[1] / "support" / "hostile" / "converter.py"

# What stops each attempt. Landlock is named with the version that can. "always": limits, capabilities that are
# dropped, and a worker that hides itself, which need neither.
ALWAYS, SECCOMP = "always", "seccomp"
STOPPED_BY: dict[str, tuple[str | int, ...]] = {
    "read another job's file": (1,),
    "list another job's directory": (1,),
    "read the worker's environment": (ALWAYS,),
    "open the worker's memory": (ALWAYS,),
    "read the worker's memory": (ALWAYS,),
    "read the launcher's environment": (ALWAYS,),
    "open the launcher's memory": (ALWAYS,),
    "read a neighbour's environment": (1,),
    "read the credentials' file": (1,),
    "read /etc/passwd": (1,),
    "open by another call": (SECCOMP, 1),
    "watch for files": (SECCOMP,),
    "connect to the metadata of EC2": (SECCOMP, 4),
    "connect to the metadata of ECS": (SECCOMP, 4),
    "connect to a server here": (SECCOMP, 4),
    "connect to an abstract socket": (SECCOMP, 6),
    "listen": (SECCOMP, 4),
    "send datagrams": (SECCOMP,),
    "ask the kernel by netlink": (SECCOMP,),
    "connect to the hypervisor": (SECCOMP,),
    "trace the worker": (ALWAYS,),
    "trace a neighbour": (SECCOMP, 1),
    "signal the worker": (SECCOMP, 6),
    "signal the launcher": (SECCOMP, 6),
    "kill a neighbour": (SECCOMP, 6),
    "kill all": (SECCOMP,),
    "signal by a descriptor": (SECCOMP,),
    "signal by a pidfd": (SECCOMP,),
    "take a neighbour's descriptor": (SECCOMP, 1),
    "drop a neighbour's memory": (SECCOMP,),
    "limit the worker": (SECCOMP,),
    "keep a neighbour to one core": (SECCOMP,),
    "slow the worker down": (SECCOMP,),
    "fork": (SECCOMP,),
    "fork by another call": (SECCOMP,),
    "make calls by numbers of x32": (SECCOMP,),
    "outlive the job": (SECCOMP,),
    "outlive the worker": (SECCOMP,),
    "make a user namespace": (SECCOMP,),
    "start a process in namespaces": (SECCOMP,),
    "write beside the outputs": (SECCOMP, 1),
    "write to /tmp": (SECCOMP, 1),
    "write to another job's file": (SECCOMP, 1),
    "truncate another job's file": (SECCOMP, 3),
    "remove another job's file": (SECCOMP, 1),
    "rename another job's file": (SECCOMP, 1),
    "change rights": (SECCOMP,),
    "make a directory": (SECCOMP, 1),
    "make a FIFO": (SECCOMP, 1),
    "make a link": (SECCOMP, 1),
    "write to the source": (SECCOMP, 1),
    "run a shell": (SECCOMP, 1),
    "put a path at the converter's": (SECCOMP,),
    "reach the converter's path from below": (ALWAYS,),
    "run a program from memory": (SECCOMP,),
    "take memory": (ALWAYS,),
    "take the disk": (SECCOMP,),
    "raise a limit": (ALWAYS,),
    "keep memory in a file": (SECCOMP,),
    "keep memory in a segment": (SECCOMP,),
    "keep memory in pipes": (SECCOMP,),
    "keep memory in a queue": (SECCOMP,),
    "keep semaphores": (SECCOMP,),
    "mount": (ALWAYS,),
    "change the root": (ALWAYS,),
    "use io_uring": (SECCOMP,),
    "use bpf": (SECCOMP,),
    "use keys": (SECCOMP,),
    "count events": (SECCOMP,),
    "catch page faults": (SECCOMP,),
}
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


def stops(sandbox: Sandbox, by: str | int) -> bool:
    if isinstance(by, int):
        return sandbox.landlock_abi >= by
    return by == ALWAYS or sandbox.seccomp


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, object]]:
    """What the hostile converter is after: all of it is there, and the tests' own user may reach it."""
    secret = {"AWS_SECRET_ACCESS_KEY": "of the worker"}
    other = tmp_path / "other job" / "source.wav"
    other.parent.mkdir()
    output = other.with_name("output.mp3")
    for file in (other, output):
        file.write_bytes(b"RIFF")
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_secret_access_key = of the worker\n")
    source = tmp_path / "job" / "source.wav"
    source.parent.mkdir()
    source.write_bytes(b"RIFF")
    name = f"hostile-{os.getpid()}"
    descriptor = os.open(source, os.O_RDONLY)
    own_output = os.open(source.with_name("output.mp3"), os.O_WRONLY | os.O_CREAT)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        standing(hidden=True, environment=secret) as worker,
        standing(hidden=False, environment=secret) as neighbour,
    ):
        abstract.bind("\0" + name)
        abstract.listen()
        yield {
            "worker": worker,
            "neighbour": neighbour,
            "other_file": str(other),
            "other_output": str(output),
            "credentials": str(credentials),
            "port": server.getsockname()[1],
            "abstract": name,
            "source_fd": descriptor,
            "output_fd": own_output,
            "path_address": PATH_ADDRESS,
            "memory_bytes": LIMITS.memory_bytes,
            "file_bytes": LIMITS.file_bytes,
        }
    os.close(descriptor)
    os.close(own_output)


async def attack(targets: Mapping[str, object], directory: Path, sandbox: Sandbox) -> Ran:
    """Run the hostile converter as the real one, with descriptors of its source and of its output."""
    descriptors = tuple(value for name in ("source_fd", "output_fd") if isinstance(value := targets[name], int))
    return await run_python(
        CONVERTER.read_text(), json.dumps(targets), cwd=directory / "job", sandbox=sandbox, fds=descriptors
    )


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
