"""A queue of 24 files of ten minutes: a worker with a slot for each core, beside as many bare ffmpegs at a time.

Part of `make bench`. The worker goes from S3 to S3, bare ffmpeg from file to file (as `xargs -P` would run it). The S3
is one that costs next to nothing, because here it runs on the same processors, which a real one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.bare import CORES, Run, Workload, make_music, run_bare
from benchmarks.canned_aws import canned_aws, settings
from benchmarks.measured_worker import measured_worker
from worker.demo import servers

RESULTS = Path(__file__).parent / "results"
_AIM = 0.97  # of bare ffmpeg's throughput


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=10, help="length of each")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="worker-bench-") as scratch:
        bare, ours, peak = asyncio.run(_measure(console, Path(scratch), arguments))
    results = _summary(bare, ours, peak, arguments)
    console.print(_table(results))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-queue-of-files.json"
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


async def _measure(
    console: Console, scratch: Path, arguments: argparse.Namespace
) -> tuple[list[Run], list[Run], float]:
    """Run bare ffmpeg and the worker in turns. Returns the runs of both, and the worker's peak memory in MB."""
    source = await make_music(scratch / "source.wav", arguments.minutes * 60)
    files = [scratch / f"file-{number:02}.wav" for number in range(arguments.files)]
    for file in files:
        file.hardlink_to(source)
    workload = Workload("queue", files)
    bare, ours = [], []
    with canned_aws(scratch) as aws, servers.redis() as redis:
        environment = settings(aws.port, redis.port)
        os.environ.update(environment)  # for the client that sends
        async with measured_worker(environment) as worker:
            await worker.run(Workload("warm-up", files[:1]))
            for number in range(1, arguments.rounds + 1):
                console.print(f"Round {number} of {arguments.rounds}")
                bare.append(await run_bare(workload, scratch))
                ours.append(await worker.run(workload))
            return bare, ours, worker.peak_memory_mb()


def _summary(
    bare: Sequence[Run], ours: Sequence[Run], peak_memory_mb: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    bare_seconds, our_seconds = (median(run.wall_seconds for run in runs) for runs in (bare, ours))
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "cores": CORES,
        "files": arguments.files,
        "minutes": arguments.minutes,
        "rounds": arguments.rounds,
        "bare_wall_seconds": round(bare_seconds, 2),
        "worker_wall_seconds": round(our_seconds, 2),
        "throughput_ratio": round(bare_seconds / our_seconds, 3),
        "bare_cpu_seconds": round(median(run.ffmpeg_cpu_seconds for run in bare), 2),
        "worker_cpu_seconds": round(median(run.ffmpeg_cpu_seconds + run.own_cpu_seconds for run in ours), 2),
        "peak_memory_mb": round(peak_memory_mb, 1),
        "aim": _AIM,
    }


def _table(results: dict[str, Any]) -> Table:
    title = (
        f"{results['files']} WAVs of {results['minutes']:g} minutes to MP3, {results['cores']} at a time: "
        f"medians of {results['rounds']} rounds"
    )
    table = Table(box=SIMPLE, pad_edge=False, title=title)
    for heading in ("", "bare ffmpeg", "worker", "bare to worker", "aim"):
        table.add_column(heading, justify="right" if heading else "left")
    wall = (results["bare_wall_seconds"], results["worker_wall_seconds"])
    table.add_row("time, s", *(f"{value:.1f}" for value in wall), f"{results['throughput_ratio']:.2f}", f"{_AIM}")
    cpu = (results["bare_cpu_seconds"], results["worker_cpu_seconds"])
    table.add_row("CPU, s", *(f"{value:.1f}" for value in cpu), f"{cpu[0] / cpu[1]:.2f}", "")
    table.add_row("peak memory, MB", "", f"{results['peak_memory_mb']}", "", "130")
    return table


if __name__ == "__main__":
    main()
