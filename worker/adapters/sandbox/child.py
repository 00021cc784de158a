"""A new process between its fork from the launcher and the converter: each bound is set before the program begins."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from worker.adapters.sandbox import kernel, landlock, seccomp
from worker.adapters.sandbox.protocol import RECORD, Kind, Order

_NOT_STARTED = 127
_MORE_TASKS = 512  # beside those that the machine runs already: more than any conversion's threads
_MAP_FIXED = 0x10
_DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)  # which Python ignores, and a program inherits that


def become(order: Order, report: int, descriptors: Sequence[int], rules: int | None) -> NoReturn:
    """Turn this process into the program, or report why not over the socket `report`, and end."""
    parent = os.getppid()
    try:
        # These are moved out of the way of the numbers that the program's descriptors get.
        beyond = max(order.numbers, default=0) + 1
        report = _moved(report, beyond)
        rules = None if rules is None else _moved(rules, beyond)
        _leave_the_launcher(parent)
        os.chdir(order.directory)
        _take_over([_moved(descriptor, beyond) for descriptor in descriptors], order.numbers)
        for number, limit in (*order.limits, *_limit_of_tasks()):
            _limit(number, limit)
        if kernel.IS_LINUX:
            _compute_in_the_background()
            with suppress(OSError):  # it has none
                kernel.drop_capabilities()
            kernel.gain_no_privileges()
        if rules is not None:
            landlock.restrict(rules)
        _execute(order)
    except OSError as exc:
        os.write(report, RECORD.pack(Kind.FAILED, exc.errno or 0, 0.0, 0))
    finally:
        os._exit(_NOT_STARTED)


def _leave_the_launcher(parent: int) -> None:
    """Begin a session and a group of its own, and have the kernel kill this process when the launcher ends."""
    os.setsid()
    for number in _DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    if kernel.IS_LINUX:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # the launcher had died before that call
            os._exit(_NOT_STARTED)


def _moved(descriptor: int, beyond: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond)


def _take_over(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Give each descriptor its number in the program. All others end with the exec."""
    for descriptor, number in zip(descriptors, numbers, strict=True):
        os.dup2(descriptor, number, inheritable=True)


def _limit_of_tasks() -> list[tuple[int, int]]:
    """RLIMIT_NPROC: it counts all processes and threads of the user, wherever they are, so those are added."""
    try:
        running = int(kernel.file_of_proc("/proc/loadavg").split()[3].partition(b"/")[2])
    except (OSError, ValueError, IndexError):
        return []
    return [(resource.RLIMIT_NPROC, running + _MORE_TASKS)]


def _limit(number: int, limit: int) -> None:
    _, hard = resource.getrlimit(number)
    bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(number, (bound, bound))


def _compute_in_the_background() -> None:
    """Have its threads interrupt no other when they have something to do (SCHED_BATCH, sched(7)).

    They hand frames to each other, and the one that hands over goes on until it has to wait: with all cores busy, that
    takes 5 to 35 % less CPU (docs/decisions/speed.md). The worker's own threads go first. A policy that the operator
    has chosen stays.
    """
    with suppress(OSError):  # the container forbids it
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _execute(order: Order) -> None:
    """Replace the process by the program; the filter is the last thing that is set. Raises OSError."""
    if not order.seccomp:
        os.execve(order.program, order.arguments, dict(order.environment))  # noqa: S606 - the point of it
    if dict(order.limits)[resource.RLIMIT_AS] > seccomp.MAX_MEMORY_BYTES:
        raise OSError(errno.EINVAL, "with more memory, the program could map another path at the filter's address")
    path = os.fsencode(order.program) + b"\0"
    arguments = _strings(order.arguments)
    environment = _strings([f"{name}={value}" for name, value in order.environment])
    kernel.libc.mmap.restype = ctypes.c_void_p
    place = kernel.libc.mmap(
        ctypes.c_void_p(seccomp.PATH_ADDRESS),
        ctypes.c_size_t(len(path)),
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED,
        -1,
        ctypes.c_long(0),
    )
    if place != seccomp.PATH_ADDRESS:
        raise OSError(ctypes.get_errno(), "mmap")
    ctypes.memmove(place, path, len(path))
    seccomp.install(seccomp.filter_for(os.uname().machine, os.getpid()))
    kernel.checked(kernel.libc.execve(ctypes.c_void_p(place), arguments, environment))


def _strings(words: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    """The words as exec takes them: an array of pointers that a null ends."""
    return (ctypes.c_char_p * (len(words) + 1))(*map(os.fsencode, words), None)
