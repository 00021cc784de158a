"""`make bench`: the worker and bare ffmpeg in turns on the same machine. Prints a table and keeps a JSON file."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.bare import CORES, Run, Workload, make_music, run_bare
from benchmarks.measured_worker import MeasuredWorker, measured_worker
from worker.demo.stack import open_stack

RESULTS = Path(__file__).parent / "results"
_LONG_SECONDS = 600
_CLIPS = 200
_PCM_BYTES_PER_SECOND = 176_400
_MEMORY_SOURCES = {"10 MB": 10_000_000, "1 GB": 1_000_000_000}

# From issue 2.
_AIMS = {"long_ratio": 1.2, "own_cpu_ms_per_clip": 15.0, "peak_memory_mb": 150.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="worker-bench-") as scratch:
        results = asyncio.run(_measure(console, Path(scratch), arguments.rounds))
    console.print(_table(results))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"Kept in {file.relative_to(Path.cwd())}")


async def _measure(console: Console, scratch: Path, rounds: int) -> dict[str, Any]:
    console.print("Making the sources ...")
    long = Workload("long", [await make_music(scratch / "long.wav", _LONG_SECONDS)])
    clip = await make_music(scratch / "clip.wav", 1)
    clips = Workload("clips", [_copy(clip, scratch / f"clip-{number:03}.wav") for number in range(_CLIPS)])
    load_before = os.getloadavg()
    async with open_stack() as stack:
        turns = await _take_turns(console, stack.environment, scratch, [long, clips], rounds)
        memory = await _memory(console, stack.environment, scratch)
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "cores": CORES,
            "python": platform.python_version(),
            "system": platform.platform(),
            "load_before": load_before,
        },
        "rounds": rounds,
        "workloads": {workload.name: _summary(workload, *turns[workload.name]) for workload in (long, clips)},
        "peak_memory_mb": memory,
        "aims": _AIMS,
    }


def _copy(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target


async def _take_turns(
    console: Console, environment: Mapping[str, str], scratch: Path, workloads: Sequence[Workload], rounds: int
) -> dict[str, tuple[list[Run], list[Run]]]:
    """Run each side of each workload once a round, so that other load on the machine affects both."""
    turns: dict[str, tuple[list[Run], list[Run]]] = {workload.name: ([], []) for workload in workloads}
    async with measured_worker(environment) as worker:
        for workload in workloads:
            await worker.upload(workload.files)
        await worker.run(Workload("warm-up", workloads[-1].files[:5]))
        for number in range(1, rounds + 1):
            for workload in workloads:
                console.print(f"Round {number} of {rounds}: {workload.name}")
                bare, ours = turns[workload.name]
                bare.append(await run_bare(workload, scratch))
                ours.append(await worker.run(workload))
    return turns


async def _memory(console: Console, environment: Mapping[str, str], scratch: Path) -> dict[str, float]:
    """The peak memory of a new worker for a source of each size, converted to FLAC so that the output is large."""
    peaks = {}
    for name, size_bytes in _MEMORY_SOURCES.items():
        console.print(f"Peak memory: a source of {name}")
        source = await make_music(scratch / f"memory-{size_bytes}.wav", size_bytes / _PCM_BYTES_PER_SECOND)
        async with measured_worker(environment) as worker:
            peaks[name] = await _peak(worker, source)
        source.unlink()
    return peaks


async def _peak(worker: MeasuredWorker, source: Path) -> float:
    await worker.upload([source])
    await worker.run(Workload("memory", [source]), audio_format="flac")
    return round(worker.peak_memory_mb(), 1)


def _summary(workload: Workload, bare: Sequence[Run], ours: Sequence[Run]) -> dict[str, Any]:
    jobs = len(workload.files)
    bare_seconds = median(run.wall_seconds for run in bare)
    our_seconds = median(run.wall_seconds for run in ours)
    return {
        "jobs": jobs,
        "bare_wall_seconds": round(bare_seconds, 3),
        "worker_wall_seconds": round(our_seconds, 3),
        "ratio": round(our_seconds / bare_seconds, 3),
        "bare_ffmpeg_cpu_seconds": round(median(run.ffmpeg_cpu_seconds for run in bare), 3),
        "worker_ffmpeg_cpu_seconds": round(median(run.ffmpeg_cpu_seconds for run in ours), 3),
        "worker_own_cpu_ms_per_job": round(median(run.own_cpu_seconds for run in ours) / jobs * 1000, 2),
        "runs": {
            "bare_wall_seconds": [round(run.wall_seconds, 3) for run in bare],
            "worker_wall_seconds": [round(run.wall_seconds, 3) for run in ours],
            "worker_own_cpu_seconds": [round(run.own_cpu_seconds, 3) for run in ours],
        },
    }


def _table(results: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, title=f"Medians of {results['rounds']} rounds on {CORES} cores")
    for heading in ("", "bare ffmpeg", "worker", "ratio", "aim"):
        table.add_column(heading, justify="left" if not heading else "right")
    long, clips = results["workloads"]["long"], results["workloads"]["clips"]
    aims = results["aims"]
    table.add_row("10-minute WAV to MP3", *_times(long), f"{aims['long_ratio']}")
    table.add_row(f"{clips['jobs']} clips of 1 s to MP3", *_times(clips), "")
    own = "own CPU a job, ms"
    table.add_row(f"{own} (clips)", "", f"{clips['worker_own_cpu_ms_per_job']}", "", f"{aims['own_cpu_ms_per_clip']}")
    table.add_row(f"{own} (10 minutes)", "", f"{long['worker_own_cpu_ms_per_job']}", "", "")
    for name, peak in results["peak_memory_mb"].items():
        table.add_row(f"peak memory, source of {name}, MB", "", f"{peak}", "", f"{aims['peak_memory_mb']}")
    return table


def _times(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        f"{summary['bare_wall_seconds']:.2f} s",
        f"{summary['worker_wall_seconds']:.2f} s",
        f"{summary['ratio']:.2f}",
    )


if __name__ == "__main__":
    main()
