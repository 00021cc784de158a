"""The filter of system calls that a converter runs under: a program for the kernel's BPF machine (seccomp(2)).

A call that is not allowed fails with ENOSYS, as on a kernel that lacks it: libc then takes an older one where there is
one. So `clone3`, whose flags lie in memory that no filter sees, becomes `clone`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from functools import cache

from worker.adapters.sandbox.kernel import prctl
from worker.adapters.sandbox.syscalls import ARCHITECTURES, HARMLESS, JUDGED, numbers_on

# The program's path lies here when it is executed: between 64 and 68 GiB, where the kernel puts nothing by itself.
# The filter lets nothing else be mapped into these 4 GiB, and nothing be executed but the path at this address. So the
# first exec is the last: it empties the memory, and a second one finds no path. A mapping that begins below cannot
# reach as far as the address, because RLIMIT_AS is at most the 2 GiB in between (`MAX_MEMORY_BYTES`).
PATH_ADDRESS = 0x10_8000_0000
MAX_MEMORY_BYTES = 0x8000_0000
_PATH_REGION = PATH_ADDRESS >> 32

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data

_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080  # all namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_OPEN_TO_WRITE = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, __O_TMPFILE
_PR_SET_NAME, _PR_GET_NAME = 15, 16
# F_DUPFD to F_SETFL, F_DUPFD_CLOEXEC. Not F_SETOWN and F_SETSIG, which send signals to others.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX

# Stands for the process's own id, and is no id and no other operand.
_PID = 0xFEEDFACE
_PID_PLACE = struct.pack("=I", _PID)

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def machine_has_filter() -> bool:
    """Whether the numbers of this machine's system calls are known here."""
    return os.uname().machine in ARCHITECTURES


def filter_for(machine: str, pid: int) -> bytes:
    """The filter of the process `pid`, as an array of struct sock_filter."""
    return template(machine).replace(_PID_PLACE, struct.pack("=I", pid))


@cache
def template(machine: str) -> bytes:
    """The filter of any process, with a place for its id."""
    judged = numbers_on(machine, JUDGED)
    rules = {
        "open": [_only(1, [0], mask=_OPEN_TO_WRITE)],
        "openat": [_only(2, [0], mask=_OPEN_TO_WRITE)],
        "mmap": [_not_high(0, _PATH_REGION)],
        "mremap": [_not_high(4, _PATH_REGION)],
        "clone": [_only(0, [_CLONE_THREAD], mask=_CLONE_THREAD | _CLONE_NEW)],
        "kill": [_only(0, [_PID])],
        "tgkill": [_only(0, [_PID])],
        "prctl": [_only(0, [_PR_SET_NAME, _PR_GET_NAME])],
        "prlimit64": [_only(0, [0])],
        "fcntl": [_only(1, _FCNTL_COMMANDS)],
        "ioctl": [_only(1, _IOCTL_REQUESTS)],
        "execve": [_only_high(0, _PATH_REGION), _only(0, [PATH_ADDRESS & 0xFFFFFFFF])],
    }
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for name, number in judged.items():
        program += _rule(number, [*_joined(rules[name]), (_RETURN, 0, 0, _ALLOW)])
    for number in numbers_on(machine, HARMLESS).values():
        program += _rule(number, [(_RETURN, 0, 0, _ALLOW)])
    program.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install(instructions: bytes) -> None:
    """Put this process under the filter, for good. Raises OSError. It needs `gain_no_privileges`."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    # struct sock_fprog: the length in instructions, and their address.
    program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions) // 8, ctypes.addressof(buffer)))
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _rule(number: int, judgement: Sequence[Instruction]) -> list[Instruction]:
    """The judgement for the call of that number. It ends in a return, so the next rule finds the number loaded."""
    return [(_IF_EQUAL, 0, len(judgement), number), *judgement]


def _joined(checks: Iterable[Sequence[Instruction]]) -> list[Instruction]:
    return [instruction for check in checks for instruction in check]


def _only(argument: int, values: Sequence[int], *, mask: int | None = None) -> list[Instruction]:
    """Refuse unless the lower half of the argument, within the mask, is one of the values."""
    load: list[Instruction] = [(_LOAD, 0, 0, _low(argument))]
    if mask is not None:
        load.append((_AND, 0, 0, mask))
    # Each comparison that holds jumps behind the others and behind the refusal.
    comparisons = [(_IF_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [*load, *comparisons, (_RETURN, 0, 0, _REFUSE)]


def _only_high(argument: int, value: int) -> list[Instruction]:
    """Refuse unless the upper half of the argument is the value."""
    return [(_LOAD, 0, 0, _low(argument) + 4), (_IF_EQUAL, 1, 0, value), (_RETURN, 0, 0, _REFUSE)]


def _not_high(argument: int, value: int) -> list[Instruction]:
    """Refuse where the upper half of the argument is the value."""
    return [(_LOAD, 0, 0, _low(argument) + 4), (_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _REFUSE)]


def _low(argument: int) -> int:
    """The offset of the lower half of an argument in struct seccomp_data; both machines are little-endian."""
    return 16 + 8 * argument
