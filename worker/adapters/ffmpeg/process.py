"""Runs one process within limits, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker.adapters.ffmpeg.read_ahead import ReadAhead
from worker.adapters.shielding import run_shielded
from worker.domain.errors import ConverterCrashedError
from worker.waiting import wait_for_event

_READ_BYTES = 65_536
_GATHER_SECONDS = 0.05
_FLOOD_BYTES = 16_384  # within that time
_OPEN_FILES = 128  # ffmpeg copies each that it is given: of 32 streams that are joined, and 16 outputs
# The kernel kills the converter when the worker ends in any way; and a set-uid binary cannot raise its rights.
_GUARD = ("--pdeathsig", "KILL", "--no-new-privs", "--")
# glibc reserves 64 MB of addresses for each thread's arena, and ffmpeg has three threads an output.
# The colours are how its own words are known: what a file's tags say comes without.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "AV_LOG_FORCE_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """The limits that the kernel sets to the process."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int

    def apply(self, pid: int) -> None:
        """Set the limits of a process that runs: code between fork and exec is not safe with threads. Linux only."""
        if not hasattr(resource, "prlimit"):
            return
        limits = {
            resource.RLIMIT_AS: self.memory_bytes,
            resource.RLIMIT_CPU: self.cpu_seconds,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        with suppress(ProcessLookupError):  # it has ended already
            for name, limit in limits.items():
                _, hard = resource.prlimit(pid, name)
                bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
                resource.prlimit(pid, name, (bound, bound))


async def run(
    command: Sequence[str],
    *,
    fds: Sequence[int],
    cwd: Path,
    limits: ProcessLimits,
    on_output: Callable[[bytes], None],
    on_log: Callable[[bytes], None],
) -> int:
    """Run the command to its end, and return its exit code, which is negative for a signal.

    `on_output` gets what it prints and `on_log` what it says on standard error; both may raise to stop it.
    It is given `fds`, no standard input, and nothing of our environment. Whatever way this ends, by return,
    exception or cancellation, the process group has been killed and reaped. Raises ConverterCrashedError where it
    cannot be started.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_guarded(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=fds,
            cwd=cwd,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as exc:
        raise ConverterCrashedError("the converter could not be started") from exc
    assert process.stderr is not None  # a pipe, as asked for
    # Only now: of a creation that is cancelled, asyncio closes only the streams that it has read to their end.
    ReadAhead(process.stderr).stop()
    has_said_all = asyncio.Event()
    errors = asyncio.create_task(_gather(process.stderr, on_log, has_said_all), name="ffmpeg stderr")
    errors.add_done_callback(lambda task: _kill(process) if not task.cancelled() and task.exception() else None)
    try:
        limits.apply(process.pid)
        await _drain(process.stdout, on_output)
        has_said_all.set()
        await errors
        return await process.wait()
    except BaseException:
        has_said_all.set()
        await run_shielded(_reap(process, errors))
        raise


def _guarded(command: Sequence[str]) -> Sequence[str]:
    setpriv = shutil.which("setpriv")  # of util-linux
    return command if setpriv is None else [setpriv, *_GUARD, *command]


async def _drain(stream: asyncio.StreamReader | None, on_chunk: Callable[[bytes], None]) -> None:
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        on_chunk(chunk)


async def _gather(
    stream: asyncio.StreamReader | None, on_chunk: Callable[[bytes], None], has_said_all: asyncio.Event
) -> None:
    """Drain the stream in few steps: ffmpeg writes word by word, and a turn of the loop for each costs 2 ms a job.

    A flood is not slowed down: where much has come, more is read at once.
    """
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        on_chunk(chunk)
        if len(chunk) < _FLOOD_BYTES:
            await wait_for_event(has_said_all, _GATHER_SECONDS)


def _kill(process: asyncio.subprocess.Process) -> None:
    # Where the process has ended but a stream has not, a child of it holds the stream open.
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    if process.returncode is None or not all(stream.at_eof() for stream in streams):
        # SIGKILL, because on SIGTERM ffmpeg completes the file, which then looks like a whole one but is short.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _reap(process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> None:
    _kill(process)
    await asyncio.wait([errors])  # which may have been cancelled with us
    for stream in (process.stdout, process.stderr):  # asyncio knows of the end only when both have been read
        await _drain(stream, lambda _: None)
    await process.wait()
