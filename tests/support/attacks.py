"""What a hostile converter is after, what stops each of its attempts, and a run of it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.sandboxes import LIMITS, Ran, run_python, standing
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sandbox.seccomp import PATH_ADDRESS

CONVERTER = Path(__file__).parent / "hostile" / "converter.py"

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


def stops(sandbox: Sandbox, by: str | int) -> bool:
    if isinstance(by, int):
        return sandbox.landlock_abi >= by
    return by == ALWAYS or sandbox.seccomp


@contextmanager
def hostile_targets(directory: Path) -> Iterator[dict[str, object]]:
    """What the hostile converter is after: all of it is there, in the directory, and our own user may reach it."""
    secret = {"AWS_SECRET_ACCESS_KEY": "of the worker"}
    other = directory / "other job" / "source.wav"
    other.parent.mkdir()
    output = other.with_name("output.mp3")
    for file in (other, output):
        file.write_bytes(b"RIFF")
    credentials = directory / "credentials"
    credentials.write_text("[default]\naws_secret_access_key = of the worker\n")
    source = directory / "job" / "source.wav"
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
