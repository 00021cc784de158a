"""The filter of system calls, played on a machine like the kernel's, for both kinds of processors."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from worker.adapters.sandbox.seccomp import PATH_ADDRESS, filter_for
from worker.adapters.sandbox.syscalls import ARCHITECTURES, HARMLESS, JUDGED, numbers_on

MACHINES = sorted(ARCHITECTURES)
PID = 4711
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | 38, 0x80000000
CLONE_THREAD, CLONE_NEWUSER, CLONE_VM = 0x10000, 0x10000000, 0x100


def play(program: bytes, number: int, *arguments: int, architecture: int) -> int:
    """The verdict of a classic BPF program on a struct seccomp_data."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *padded)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, operand = instructions[position]
        position += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                position += if_true if accumulator == operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def judge(machine: str, name: str, *arguments: int) -> int:
    number = numbers_on(machine, {**HARMLESS, **JUDGED})[name]
    return play(filter_for(machine, PID), number, *arguments, architecture=ARCHITECTURES[machine])


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "verdict"),
    [
        ("read", (0,), ALLOW),
        ("openat", (0, 1, 0o2000000), ALLOW),
        ("openat", (0, 1, 0o1), REFUSE),
        ("openat", (0, 1, 0o2), REFUSE),
        ("openat", (0, 1, 0o100), REFUSE),
        ("openat", (0, 1, 0o1000), REFUSE),
        ("openat", (0, 1, 0o20200000), REFUSE),
        ("clone", (CLONE_VM | CLONE_THREAD,), ALLOW),
        ("clone", (17,), REFUSE),
        ("clone", (CLONE_VM,), REFUSE),
        ("clone", (CLONE_THREAD | CLONE_NEWUSER,), REFUSE),
        ("kill", (PID, 6), ALLOW),
        ("kill", (PID + 1, 6), REFUSE),
        ("kill", (-1 & 0xFFFFFFFFFFFFFFFF, 9), REFUSE),
        ("kill", (0, 9), REFUSE),
        ("tgkill", (PID, 5, 6), ALLOW),
        ("tgkill", (1, 1, 9), REFUSE),
        ("prctl", (15,), ALLOW),
        ("prctl", (1, 0), REFUSE),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (1, 7), REFUSE),
        ("fcntl", (3, 1030), ALLOW),
        ("fcntl", (3, 8), REFUSE),
        ("ioctl", (1, 0x5401), ALLOW),
        ("ioctl", (1, 0x5412), REFUSE),
        ("execve", (PATH_ADDRESS,), ALLOW),
        ("execve", (PATH_ADDRESS + 1,), REFUSE),
        ("execve", (PATH_ADDRESS & 0xFFFFFFFF,), REFUSE),
        ("mmap", (0, 4096), ALLOW),
        ("mmap", (PATH_ADDRESS, 4096), REFUSE),
        ("mmap", (PATH_ADDRESS - 0x80000000, 4096), REFUSE),
        ("mremap", (1 << 40, 4096, 4096, 1, 0), ALLOW),
        ("mremap", (1 << 40, 4096, 4096, 3, PATH_ADDRESS), REFUSE),
    ],
)
def test_a_call_is_judged_by_its_arguments(machine: str, name: str, arguments: tuple[int, ...], verdict: int) -> None:
    assert judge(machine, name, *arguments) == verdict


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_not_on_the_list_does_not_exist(machine: str) -> None:
    listed = set(numbers_on(machine, {**HARMLESS, **JUDGED}).values())
    program, architecture = filter_for(machine, PID), ARCHITECTURES[machine]

    allowed = {number for number in range(600) if play(program, number, architecture=architecture) != REFUSE}

    assert allowed <= listed
    x32 = 0x40000000
    assert play(program, x32 + 1, architecture=architecture) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_of_another_architecture_ends_the_process(machine: str) -> None:
    i386 = 0x40000003
    assert play(filter_for(machine, PID), 11, architecture=i386) == KILL


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[machine].read_text()
    defined = {
        name.removeprefix("3264_"): int(number)
        for name, number in re.findall(r"^#define __NR(?:_|3264_)?_?(\w+)\s+(\d+)$", text, re.MULTILINE)
    }
    if machine == "aarch64":
        defined["newfstatat"] = defined["fstatat"]

    ours = numbers_on(machine, {**HARMLESS, **JUDGED})

    assert {name: defined.get(name) for name in ours} == ours
