"""`make bench-clips`: what one-second clips cost in CPU, by the format of their source, beside bare ffmpeg.

AWS answers with fixed bytes from a process of its own, so that no emulator's load is in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.bare import CORES, Run, Workload, ffmpeg, make_music, run_bare
from benchmarks.canned_aws import canned_aws, settings
from benchmarks.measured_worker import measured_worker
from worker.demo import servers

_AIMS = {"wav": 1.10, "mp3": 1.35, "m4a": 1.35}  # the CPU of converter and worker together, over bare ffmpeg's
_OWN_AIM_MS = 12.0
_FORMATS = ("wav", "flac", "mp3", "m4a", "opus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--clips", type=int, default=50, help="clips of each format a turn")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="worker-clips-") as scratch:
        turns = asyncio.run(_measure(Path(scratch), arguments.rounds, arguments.clips))
    Console(highlight=False).print(_table(turns, arguments.rounds, arguments.clips))


async def _measure(scratch: Path, rounds: int, count: int) -> Mapping[str, tuple[list[Run], list[Run]]]:
    """Run each side of each format once a round, so that other load on the machine affects both."""
    outputs = scratch / "bare"
    outputs.mkdir()
    workloads = [await _workload(scratch, source_format, count) for source_format in _FORMATS]
    turns: dict[str, tuple[list[Run], list[Run]]] = {workload.name: ([], []) for workload in workloads}
    with canned_aws(scratch) as aws, servers.redis() as redis:
        environment = settings(aws.port, redis.port) | {"WORKER_WORKSPACE": str(scratch)}  # others change /tmp
        os.environ.update(environment)  # for the clients that send and upload
        async with measured_worker(environment) as worker:
            for workload in workloads:
                await worker.upload(workload.files)
            await worker.run(Workload("warm-up", workloads[0].files[:5]))
            for _ in range(rounds):
                for workload in workloads:
                    bare, ours = turns[workload.name]
                    bare.append(await run_bare(workload, outputs))
                    ours.append(await worker.run(workload))
    return turns


async def _workload(scratch: Path, source_format: str, count: int) -> Workload:
    wav = await make_music(scratch / "music.wav", 1)
    clip = scratch / f"music.{source_format}"
    if source_format != "wav":
        await ffmpeg("-i", wav, clip)
    files = [scratch / f"clip-{number:03}.{source_format}" for number in range(count)]
    for file in files:
        file.write_bytes(clip.read_bytes())
    return Workload(source_format, files)


def _table(turns: Mapping[str, tuple[Sequence[Run], Sequence[Run]]], rounds: int, count: int) -> Table:
    title = f"CPU a clip of 1 s to MP3, ms: medians of {rounds} rounds of {count} on {CORES} cores"
    table = Table(box=SIMPLE, pad_edge=False, title=title)
    for heading in ("source", "bare ffmpeg", "converter", "worker", "together", "ratio", "aim"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    for source_format, (bare, ours) in turns.items():
        bare_ms = median(run.ffmpeg_cpu_seconds for run in bare) / count * 1000
        converter_ms = median(run.ffmpeg_cpu_seconds for run in ours) / count * 1000
        own_ms = median(run.own_cpu_seconds for run in ours) / count * 1000
        together_ms = converter_ms + own_ms
        aim = f"{_AIMS[source_format]:.2f}" if source_format in _AIMS else ""
        figures = [f"{value:.1f}" for value in (bare_ms, converter_ms, own_ms, together_ms)]
        table.add_row(source_format, *figures, f"{together_ms / bare_ms:.2f}", aim)
    table.caption = f"aim for the worker itself: {_OWN_AIM_MS:.0f} ms"
    return table


if __name__ == "__main__":
    main()
