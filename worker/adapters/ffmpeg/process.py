"""Runs one process within limits, and leaves nothing of it behind."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

from worker import metrics, usage
from worker.adapters.sandbox.launcher import Child, End, LauncherLostError, shared_launcher
from worker.adapters.sandbox.policy import ProcessLimits, Sandbox
from worker.adapters.shielding import run_shielded
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError, JobError
from worker.waiting import wait_for_event

__all__ = ["CpuLimitError", "ProcessLimits", "run"]

# Of its CPU time, so much at least is reported of a process that has used it up. For the limit the kernel counts the
# ticks at which a process ran: on a busy machine these are some per cent more or fewer than what it reports.
_LEAST_SHARE_REPORTED = 0.75
_READ_BYTES = 65_536
_GATHER_SECONDS = 0.05
_FLOOD_BYTES = 16_384  # of a chunk that came within that time: more is expected at once
_KILL_SECONDS = 5.0  # twice that, until a launcher that does not kill is killed itself
_REST_SECONDS = 5.0  # to read what is left in the pipes, which have no writer any more
# The machine lacks descriptors (the last: in a socket that carries them), processes or memory. No job is at fault.
_LACKS = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ETOOMANYREFS}
# glibc reserves 64 MB of addresses for each thread's arena, and ffmpeg has three threads an output.
# ffmpeg colours its own messages, which tells them from the tags of a file.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "AV_LOG_FORCE_COLOR": "1"}


class CpuLimitError(ConverterCrashedError):
    """The process has used up its CPU time."""

    def __init__(self, limit_seconds: int) -> None:
        super().__init__(f"the converter was ended after {limit_seconds} s of CPU time")


async def run(
    command: Sequence[str],
    *,
    fds: Sequence[int],
    cwd: Path,
    limits: ProcessLimits,
    on_output: Callable[[bytes], None],
    on_log: Callable[[bytes], None],
    sandbox: Sandbox = Sandbox(),  # noqa: B008 - a value
) -> int:
    """Run the command to its end, and return its exit code, which is negative for a signal.

    `on_output` gets what it prints and `on_log` what it says on standard error; both may raise to stop it.
    It is given `fds`, no standard input, and nothing of our environment. Whatever way this ends, by return,
    exception or cancellation, the process and what it started have been killed and reaped. Raises
    DependencyUnavailableError where the machine cannot start it now, ConverterCrashedError where it cannot be started
    for another reason, or leaves a process behind that keeps its outputs open, and CpuLimitError.
    """
    try:
        child = shared_launcher().launch(
            command, fds=fds, cwd=cwd, environment=_ENVIRONMENT, limits=limits, sandbox=sandbox
        )
    except OSError as exc:
        raise _not_started(exc) from exc
    try:
        end = await _attend(child, on_output, on_log)
        if has_used_up(end, limits.cpu_seconds):
            raise CpuLimitError(limits.cpu_seconds)
        return end.code
    finally:
        if child.end is not None:
            metrics.CONVERTER_CPU.inc(child.end.cpu_seconds)
            usage.converter_ended(child.end.cpu_seconds, child.end.peak_bytes)
        child.close()


def has_used_up(end: End, limit_seconds: int) -> bool:
    """Whether the kernel has ended the process at the limit of its CPU time, as far as can be told."""
    return end.code == -SIGKILL and end.cpu_seconds >= _LEAST_SHARE_REPORTED * limit_seconds


def _not_started(error: OSError) -> JobError:
    if error.errno in _LACKS:
        return DependencyUnavailableError(
            "the machine", f"cannot start the converter now ({os.strerror(error.errno)})"
        )
    return ConverterCrashedError("the converter could not be started")


async def _attend(child: Child, on_output: Callable[[bytes], None], on_log: Callable[[bytes], None]) -> End:
    has_ended = asyncio.Event()
    reading = asyncio.gather(
        _drain(child.output, on_output, has_ended), _drain(child.errors, on_log, has_ended, may_flood=True)
    )
    reading.add_done_callback(lambda done: child.kill() if not done.cancelled() and done.exception() else None)
    try:
        end = await _end_of(child)
        has_ended.set()
        await _rest_of(reading)
    except BaseException:
        child.kill()
        await run_shielded(_settle(child, reading))
        raise
    return end


async def _rest_of(reading: asyncio.Future[Any]) -> None:
    done, _ = await asyncio.wait([reading], timeout=_REST_SECONDS)
    if not done:
        raise ConverterCrashedError("the converter left a process behind")
    reading.result()


async def _end_of(child: Child) -> End:
    try:
        return await child.ended()
    except OSError as exc:
        raise _not_started(exc) from exc
    except LauncherLostError as exc:
        raise ConverterCrashedError("the converter was killed with its launcher") from exc


async def _settle(child: Child, reading: asyncio.Future[Any]) -> None:
    reading.cancel()
    end = asyncio.ensure_future(_end_of(child))
    # Two waits: where all stood still for a while, the first one is over before the launcher could answer.
    for _ in range(2):
        await asyncio.wait([end], timeout=_KILL_SECONDS)
    if not end.done():  # it stands still, and would hold the job for ever
        child.kill_launcher()
    with suppress(ConverterCrashedError, DependencyUnavailableError):
        await end
    await asyncio.wait([reading])


async def _drain(
    descriptor: int, on_chunk: Callable[[bytes], None], has_ended: asyncio.Event, *, may_flood: bool = False
) -> None:
    """Read the pipe to its end, with a pause after each chunk that gathers what comes meanwhile.

    ffmpeg writes word by word, and a turn of the loop for each costs 2 ms a job. With `may_flood` there is no pause
    after a large chunk, because more may be waiting. Progress is always read with pauses: ffmpeg prints little of it,
    and a compromised converter could keep the loop busy with it.
    """
    while chunk := await _read(descriptor):
        on_chunk(chunk)
        if len(chunk) < _FLOOD_BYTES or not may_flood:
            await wait_for_event(has_ended, _GATHER_SECONDS)


async def _read(descriptor: int) -> bytes:
    """What there is to read, at least a byte. Empty at the end."""
    while True:
        await asyncio.sleep(0)  # one that never stops writing must not keep the loop busy
        try:
            return os.read(descriptor, _READ_BYTES)
        except BlockingIOError:  # seldom: something has mostly come while the last was gathered
            await _readable(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    is_ready = asyncio.Event()
    loop.add_reader(descriptor, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        loop.remove_reader(descriptor)
