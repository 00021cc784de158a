"""A converter that a hostile file has taken over: it tries all that it should not, and prints what it reached.

It runs as ffmpeg does, as `python -I -S -c <this text> <targets as JSON>`, so it imports nothing of ours. For each
attempt it prints one line of JSON: its name, and the error that stopped it, or null where it was reached.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

TARGETS: dict[str, Any] = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
ARM = os.uname().machine == "aarch64"


def call(on_x86: int, on_arm: int, *arguments: Any) -> int:
    """A system call by its number. Raises OSError."""
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    result: int = LIBC.syscall(ctypes.c_long(on_arm if ARM else on_x86), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path: str) -> None:
    with open(path, "rb") as file:
        if not file.read(1):
            raise OSError("nothing")


def forked(then: Callable[[], None] = lambda: None) -> None:
    if os.fork() == 0:
        then()
        os._exit(0)


def outlive() -> None:
    def wait_for_ever() -> None:
        os.setsid()
        signal.pause()

    forked(wait_for_ever)


def connect(host: str, port: int) -> None:
    with socket.create_connection((host, port), timeout=0.5):
        pass


def listen() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        pass


def connect_abstract() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + TARGETS["abstract"])


def read_memory() -> None:
    """process_vm_readv(2) of an address that is mapped nowhere: EFAULT where the call itself is allowed."""
    local = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(local), 8)
    remote = (ctypes.c_size_t * 2)(8, 8)
    try:
        call(310, 270, TARGETS["worker"], vector, 1, remote, 1, 0)
    except OSError as exc:
        if exc.errno != 14:
            raise


def use_bpf() -> None:
    """bpf(2) to make a map of nothing: EINVAL where the call itself is allowed."""
    try:
        call(321, 280, 0, ctypes.create_string_buffer(120), 120)
    except OSError as exc:
        if exc.errno != 22:
            raise


def limit_worker() -> None:
    """prlimit64(2) of the worker's open files, which would stop it."""
    call(302, 261, TARGETS["worker"], 7, (ctypes.c_ulong * 2)(512, 4096), None)


def signal_by_descriptor() -> None:
    """F_SETOWN and F_SETSIG send a signal of one's choice to a process of one's choice (fcntl(2))."""
    fcntl.fcntl(0, 8, TARGETS["neighbour"])
    fcntl.fcntl(0, 10, signal.SIGKILL)


def write_to(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def reopen_source() -> None:
    os.close(os.open(f"/proc/self/fd/{TARGETS['source_fd']}", os.O_RDWR))


def run_shell() -> None:
    os.execv("/bin/sh", ["sh", "-c", "exit 0"])


def run_at_the_same_address() -> None:
    """The filter knows the converter's path by its address: put another one there."""
    address = TARGETS["path_address"]
    place = LIBC.mmap(ctypes.c_void_p(address), ctypes.c_size_t(4096), 3, 0x32, -1, ctypes.c_long(0))
    if place != address:
        raise OSError(ctypes.get_errno(), "mmap")


def reach_the_same_address() -> None:
    """The same, by a mapping that begins below what the filter guards."""
    address = TARGETS["path_address"]
    begin = (address >> 32 << 32) - 4096
    size = address - begin + 4096
    place = LIBC.mmap(ctypes.c_void_p(begin), ctypes.c_size_t(size), 3, 0x4032, -1, ctypes.c_long(0))
    if place != begin:
        raise OSError(ctypes.get_errno(), "mmap")


def run_from_memory() -> None:
    descriptor = os.memfd_create("program")
    with open(sys.executable, "rb") as program:
        os.sendfile(descriptor, program.fileno(), 0, os.fstat(program.fileno()).st_size)
    os.execve(descriptor, ["program", "-c", ""], {})


def take_memory() -> None:
    size = TARGETS["memory_bytes"]
    place = LIBC.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, ctypes.c_long(0))
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")


def stay_when_the_worker_dies() -> None:
    """prctl(PR_SET_PDEATHSIG, 0)."""
    if LIBC.prctl(1, ctypes.c_ulong(0), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def take_the_disk() -> None:
    """fallocate(2) of blocks behind the largest size that a file may have, with FALLOC_FL_KEEP_SIZE."""
    call(285, 47, TARGETS["output_fd"], 1, TARGETS["file_bytes"], 4096)


def open_by_another_call() -> None:
    """openat2(2), whose flags lie in memory that no filter sees."""
    os.close(call(437, 437, -100, b"/etc/passwd", (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0), 24))


def fork_by_another_call() -> None:
    """clone3(2) with SIGCHLD alone."""
    if call(435, 435, (ctypes.c_uint64 * 8)(0, 0, 0, 0, signal.SIGCHLD), 64) == 0:
        os._exit(0)


def take_a_descriptor() -> None:
    """pidfd_getfd(2)."""
    os.close(call(438, 438, os.pidfd_open(TARGETS["neighbour"]), 1, 0))


def drop_memory_of_another() -> None:
    """process_madvise(2) of an address that is mapped nowhere."""
    vector = (ctypes.c_size_t * 2)(4096, 4096)
    try:
        call(440, 440, os.pidfd_open(TARGETS["neighbour"]), vector, 1, 21, 0)
    except OSError as exc:
        if exc.errno != 12:
            raise


def keep_a_segment() -> None:
    call(31, 195, call(29, 194, 0, 4096, 0o1600), 0, None)  # and remove it: it would outlive all processes


def keep_semaphores() -> None:
    call(66, 191, call(64, 190, 0, 1, 0o1600), 0, 0)  # and remove them


def keep_a_queue() -> None:
    name = f"hostile-{os.getpid()}".encode()
    os.close(call(240, 180, name, os.O_RDWR | os.O_CREAT, 0o600, None))
    call(241, 181, name)


def raise_a_limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


ATTEMPTS: dict[str, Callable[[], Any]] = {
    "read another job's file": lambda: read(TARGETS["other_file"]),
    "list another job's directory": lambda: os.listdir(os.path.dirname(TARGETS["other_file"])),
    "read the worker's environment": lambda: read(f"/proc/{TARGETS['worker']}/environ"),
    "open the worker's memory": lambda: os.open(f"/proc/{TARGETS['worker']}/mem", os.O_RDONLY),
    "read the worker's memory": read_memory,
    "read the launcher's environment": lambda: read(f"/proc/{os.getppid()}/environ"),
    "open the launcher's memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "read a neighbour's environment": lambda: read(f"/proc/{TARGETS['neighbour']}/environ"),
    "read the credentials' file": lambda: read(TARGETS["credentials"]),
    "read /etc/passwd": lambda: read("/etc/passwd"),
    "open by another call": open_by_another_call,
    "watch for files": lambda: os.close(call(294, 26, 0)),
    "connect to the metadata of EC2": lambda: connect("169.254.169.254", 80),
    "connect to the metadata of ECS": lambda: connect("169.254.170.2", 80),
    "connect to a server here": lambda: connect("127.0.0.1", TARGETS["port"]),
    "connect to an abstract socket": connect_abstract,
    "listen": listen,
    "send datagrams": lambda: socket.socket(type=socket.SOCK_DGRAM).close(),
    "ask the kernel by netlink": lambda: socket.socket(16, socket.SOCK_RAW, 0).close(),
    "connect to the hypervisor": lambda: socket.socket(40, socket.SOCK_STREAM).close(),
    "trace the worker": lambda: call(101, 117, 16, TARGETS["worker"], 0, 0),
    "trace a neighbour": lambda: call(101, 117, 16, TARGETS["neighbour"], 0, 0),
    "signal the worker": lambda: os.kill(TARGETS["worker"], 0),
    "signal the launcher": lambda: os.kill(os.getppid(), 0),
    "kill a neighbour": lambda: os.kill(TARGETS["neighbour"], signal.SIGKILL),
    "kill all": lambda: os.kill(-1, 0),
    "signal by a descriptor": signal_by_descriptor,
    "signal by a pidfd": lambda: os.close(os.pidfd_open(TARGETS["neighbour"])),
    "take a neighbour's descriptor": take_a_descriptor,
    "drop a neighbour's memory": drop_memory_of_another,
    "limit the worker": limit_worker,
    "keep a neighbour to one core": lambda: os.sched_setaffinity(TARGETS["neighbour"], {min(os.sched_getaffinity(0))}),
    "slow the worker down": lambda: os.setpriority(os.PRIO_PROCESS, TARGETS["worker"], 19),
    "fork": forked,
    "fork by another call": fork_by_another_call,
    "make calls by numbers of x32": lambda: call(0x4000_0000 + 39, 0x4000_0000 + 39),
    "outlive the job": outlive,
    "outlive the worker": stay_when_the_worker_dies,
    "start a process in namespaces": lambda: call(56, 220, 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0),
    "write beside the outputs": lambda: write_to("beside"),
    "write to /tmp": lambda: write_to(f"/tmp/hostile-{os.getpid()}"),
    "write to another job's file": lambda: write_to(TARGETS["other_file"]),
    "truncate another job's file": lambda: os.truncate(TARGETS["other_file"], 0),
    "change rights": lambda: os.chmod(TARGETS["other_file"], 0o777),
    "remove another job's file": lambda: os.unlink(TARGETS["other_file"]),
    "rename another job's file": lambda: os.rename(TARGETS["other_output"], "taken"),
    "make a directory": lambda: os.mkdir("directory"),
    "make a FIFO": lambda: os.mkfifo("fifo"),
    "make a link": lambda: os.symlink("/etc/passwd", "link"),
    "write to the source": reopen_source,
    "put a path at the converter's": run_at_the_same_address,
    "reach the converter's path from below": reach_the_same_address,
    "take memory": take_memory,
    "take the disk": take_the_disk,
    "raise a limit": raise_a_limit,
    "keep memory in a file": lambda: os.memfd_create("memory"),
    "keep memory in a segment": keep_a_segment,
    "keep memory in pipes": lambda: os.closerange(*sorted(os.pipe())),
    "keep memory in a queue": keep_a_queue,
    "keep semaphores": keep_semaphores,
    "mount": lambda: call(165, 40, b"none", b"/", b"tmpfs", 0, None),
    "change the root": lambda: os.chroot("."),
    "use io_uring": lambda: call(425, 425, 8, ctypes.create_string_buffer(120)),
    "use bpf": use_bpf,
    "use keys": lambda: call(250, 219, 0, -3, 1),
    "count events": lambda: call(298, 241, ctypes.create_string_buffer(120), 0, -1, -1, 0),
    "catch page faults": lambda: call(323, 282, 1),
    # What is below changes the process where it succeeds, or replaces it: then the rest is never printed.
    "make a user namespace": lambda: call(272, 97, 0x10000000),
    "run a program from memory": run_from_memory,
    "run a shell": run_shell,
}

for name, attempt in ATTEMPTS.items():
    error: str | None = None
    try:
        attempt()
    except (OSError, ValueError) as exc:
        error = str(exc)
    print(json.dumps({"name": name, "error": error}), flush=True)
