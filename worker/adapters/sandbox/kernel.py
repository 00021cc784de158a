"""The system calls that Python has no function for. Linux only; elsewhere nothing here is called."""

from __future__ import annotations

import ctypes
import os
import struct

IS_LINUX = os.uname().sysname == "Linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, capget(2)

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """The result of a call of libc. Raises OSError with its errno where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def system_call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """A call by its number, for those that libc has no name for. Raises OSError."""
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    return checked(libc.syscall(ctypes.c_long(number), *words))


def prctl(option: int, *arguments: int) -> None:
    """prctl(2). Raises OSError."""
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    checked(libc.prctl(ctypes.c_int(option), *words))


def file_of_proc(path: str) -> bytes:
    """The content of a file of /proc. Raises OSError. pathlib would make each fork dearer by 0.2 ms."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65_536)
    finally:
        os.close(descriptor)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send the signal when the thread that started this process ends."""
    prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of every process beneath this one whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_others() -> None:
    """Keep processes of the same user from this one's memory, environment and descriptors, and from tracing it."""
    prctl(_PR_SET_DUMPABLE, 0)


def gain_no_privileges() -> None:
    """Let no program that is executed from now on have more rights than this process."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up all capabilities. After `gain_no_privileges` no exec gives them back, not even to root."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    checked(libc.capset(header, bytes(24)))
