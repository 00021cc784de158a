"""What ffmpeg says of itself when the doctor asks, or a worker at its start."""

from __future__ import annotations

import re
from pathlib import Path

from worker.adapters.ffmpeg.encoders import ENCODERS
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError
from worker.ports import ConverterFacts, UnusableConverterError

_VERSION = re.compile(r"ffmpeg version n?(\S+)")
_MAX_PRINTED_BYTES = 1 << 20
_LIMITS = ProcessLimits(memory_bytes=2 << 30, cpu_seconds=10, file_bytes=0)
_NOT_STARTED = (126, 127)  # the exit codes of shells, and of loaders, for a program that cannot be run


async def inspect_converter(ffmpeg: Path, sandbox: Sandbox = Sandbox()) -> ConverterFacts:  # noqa: B008 - a value
    """Ask the ffmpeg for its version and its encoders, in the sandbox in which the worker runs it.

    When this returns or raises, no process that it started is left. Raises UnusableConverterError.
    """
    version = _VERSION.search(await _output_of(ffmpeg, sandbox, "-version"))
    if version is None:
        raise UnusableConverterError(ffmpeg, "is no ffmpeg: with -version it prints no version of ffmpeg")
    encoders = await _output_of(ffmpeg, sandbox, "-hide_banner", "-encoders")
    names = {words[1] for line in encoders.splitlines() if len(words := line.split()) > 1 and words[0][0] == "A"}
    text = version[1]
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return ConverterFacts(
        version=tuple(map(int, numbers[0].split("."))) if numbers else (),
        version_text=text,
        formats={audio_format for audio_format, encoder in ENCODERS.items() if encoder.names <= names},
    )


async def _output_of(program: Path, sandbox: Sandbox, *arguments: str) -> str:
    printed = bytearray()
    try:
        exit_code = await run(
            [str(program), *arguments],
            fds=(),
            cwd=Path(),
            limits=_LIMITS,
            on_output=lambda chunk: printed.extend(chunk[: _MAX_PRINTED_BYTES - len(printed)]),
            on_log=lambda _: None,
            sandbox=sandbox,
        )
    except (ConverterCrashedError, DependencyUnavailableError) as exc:
        raise UnusableConverterError(program, "cannot be run") from exc
    if exit_code in _NOT_STARTED:
        raise UnusableConverterError(program, "cannot be run")
    if exit_code != 0:
        ended = f"exit code {exit_code}" if exit_code > 0 else f"signal {-exit_code}"
        raise UnusableConverterError(program, f"is no ffmpeg that works: with {arguments[-1]} it ends with {ended}")
    return printed.decode(errors="replace")
