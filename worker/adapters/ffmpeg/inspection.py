"""What ffmpeg says of itself when the doctor asks, or a worker at its start."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from worker.adapters.ffmpeg.encoders import ENCODERS
from worker.ports import ConverterFacts, DependencyMissingError

_VERSION = re.compile(r"ffmpeg version n?(\S+)")


async def inspect_converter(ffmpeg: Path) -> ConverterFacts:
    """Raises DependencyMissingError where it cannot be run."""
    version = _VERSION.search(await _output_of(ffmpeg, "-version"))
    if version is None:
        raise DependencyMissingError(f"an ffmpeg at {ffmpeg}")
    encoders = await _output_of(ffmpeg, "-hide_banner", "-encoders")
    names = {words[1] for line in encoders.splitlines() if len(words := line.split()) > 1 and words[0][0] == "A"}
    text = version[1]
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return ConverterFacts(
        version=tuple(map(int, numbers[0].split("."))) if numbers else (),
        version_text=text,
        formats={audio_format for audio_format, encoder in ENCODERS.items() if encoder.names <= names},
    )


async def _output_of(program: Path, *arguments: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as exc:
        raise DependencyMissingError(f"a converter that can be run at {program}") from exc
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DependencyMissingError(f"a converter that works at {program}")
    return output.decode(errors="replace")
