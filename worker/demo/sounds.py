"""Sounds to convert: plucked notes, made by the ffmpeg that comes with the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

_LOOP_SECONDS = 10
_OCTAVES = ("110", "146.83", "164.81")


@dataclass(frozen=True, slots=True)
class Sound:
    """A source to make. The extension of its name decides the format."""

    name: str
    seconds: int


class SoundNotMadeError(Exception):
    """ffmpeg failed. The text is the end of its output."""


async def make(sounds: Sequence[Sound], directory: Path) -> list[Path]:
    """Make the sounds in `directory`. Raises SoundNotMadeError."""
    loops = [directory / f"loop-{number}.wav" for number in range(len(_OCTAVES))]
    await _together(*(_pluck(loop, octave) for loop, octave in zip(loops, _OCTAVES, strict=True)))
    paths = [directory / sound.name for sound in sounds]
    await _together(
        *(
            _ffmpeg("-stream_loop", "-1", "-i", loops[index % len(loops)], "-t", sound.seconds, path)
            for index, (sound, path) in enumerate(zip(sounds, paths, strict=True))
        )
    )
    for loop in loops:
        loop.unlink()
    return paths


async def _pluck(path: Path, base_hz: str) -> None:
    """A loop of a pentatonic scale, up on the left and down on the right."""
    up, down = ("mod(floor(4*t),5)", "4-mod(floor(4*t),5)")
    channels = "|".join(
        f"0.5*exp(-5*mod(t,0.25))*sin(2*PI*t*{base_hz}*pow(2,(2*{step}+gte({step},3))/12))" for step in (up, down)
    )
    # The base note changes with each bar, so that the loop is less monotonous.
    bars = channels.replace(base_hz, f"{base_hz}*(1+0.3348*mod(floor(t/2.5),2))")
    await _ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{bars}':s=44100:d={_LOOP_SECONDS}", "-sample_fmt", "s16", path)


async def _ffmpeg(*arguments: object) -> None:
    process = await asyncio.create_subprocess_exec(
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-y"),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise SoundNotMadeError(f"ffmpeg failed: {said.decode(errors='replace').strip()[-200:]}")


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
