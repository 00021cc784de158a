"""The workload of `make bench`, and the same conversions by bare ffmpeg for comparison."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

FFMPEG: str = imageio_ffmpeg.get_ffmpeg_exe()
CORES = len(os.sched_getaffinity(0))
BITRATE_KBPS = 128


@dataclass(frozen=True, slots=True)
class Workload:
    """Files that are converted to MP3 as fast as possible."""

    name: str
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workload. `own_cpu_seconds` is the CPU of the worker without ffmpeg; 0 for bare ffmpeg."""

    wall_seconds: float
    ffmpeg_cpu_seconds: float
    own_cpu_seconds: float = 0.0


async def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg. Raises RuntimeError, with what it wrote on standard error, if it fails."""
    process = await asyncio.create_subprocess_exec(
        *(FFMPEG, "-nostdin", "-hide_banner", "-nostats", "-v", "error", "-y"),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(errors.decode(errors="replace"))


async def make_music(path: Path, seconds: float) -> Path:
    """A WAV of `seconds` that repeats ten seconds of tones and noise, which take an encoder some work."""
    loop = path.with_name(f"loop-{path.name}.wav")
    expression = "0.2*sin(2*PI*220*t)+0.1*sin(2*PI*(440+20*sin(2*PI*3*t))*t)+0.1*random(0)"
    source = f"aevalsrc='{expression}|{expression}':s=44100:d={min(seconds, 10)}"
    await ffmpeg("-f", "lavfi", "-i", source, "-sample_fmt", "s16", loop)
    await ffmpeg("-stream_loop", "-1", "-i", loop, "-t", seconds, "-c", "copy", "-rf64", "auto", path)
    loop.unlink()
    return path


async def run_bare(workload: Workload, directory: Path) -> Run:
    """Convert the workload with one ffmpeg process per core."""
    slots = asyncio.Semaphore(CORES)

    async def convert(file: Path) -> None:
        async with slots:
            await ffmpeg("-i", file, "-map", "0:a:0", "-b:a", f"{BITRATE_KBPS}k", directory / f"{file.stem}.mp3")

    before, began_at = children_cpu_seconds(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for file in workload.files:
            group.create_task(convert(file))
    return Run(time.monotonic() - began_at, children_cpu_seconds() - before)


def children_cpu_seconds() -> float:
    """The CPU time of the processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
