"""What a converter is bounded by: limits of the kernel, a filter of system calls, and the files that it may use."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass

# Of addresses, for the stack of each thread; a conversion to 96 bitrates has 288 threads. A quarter of it is the limit
# for arguments (execve(2)): the tags of 16 outputs may take 1 MiB.
STACK_BYTES = 6 * 1024 * 1024
# No core file, and no core dump for a program that takes them: for such a program the kernel takes 0 as no limit, and
# 1 as no dump (core(5), fs/coredump.c). It would get as much as the process has in memory.
CORE_BYTES = 1
OPEN_FILES = 320  # ffmpeg copies each that it is given: of 32 streams that are joined, and 16 outputs of 6 bitrates


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """The limits that the kernel sets to the process."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int

    def by_resource(self) -> Iterator[tuple[int, int]]:
        """Each resource's number with its limit (getrlimit(2))."""
        yield resource.RLIMIT_AS, self.memory_bytes
        yield resource.RLIMIT_STACK, STACK_BYTES
        yield resource.RLIMIT_CPU, self.cpu_seconds
        yield resource.RLIMIT_FSIZE, self.file_bytes
        yield resource.RLIMIT_NOFILE, OPEN_FILES
        yield resource.RLIMIT_CORE, CORE_BYTES


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What this kernel can do for a sandbox, as a process of ours has tried it. `landlock_abi`: 0 for none."""

    seccomp: bool
    landlock_abi: int


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a process runs in beside its limits: a filter of system calls, and Landlock by that version (0: without).

    `readable` are files and directories that it may read beside its program and the program's libraries.
    """

    seccomp: bool = False
    landlock_abi: int = 0
    readable: tuple[str, ...] = ()
