"""A long WAV by format: bare ffmpeg, a worker with one slot, and one with a slot for each core, which splits it.

Part of `make bench`. The worker goes from S3 to S3, bare ffmpeg from file to file. The S3 is one that costs next to
nothing, because here it runs on the same processors, which a real one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.bare import BITRATE_KBPS, CORES, Run, Workload, children_cpu_seconds, ffmpeg, make_music
from benchmarks.canned_aws import canned_aws, settings
from benchmarks.measured_worker import measured_worker
from worker.demo import servers

RESULTS = Path(__file__).parent / "results"
_SIDES = ("bare ffmpeg", "whole", "split")
# The aims, as shares of bare ffmpeg's time, on two idle cores.
_AIMS = {"mp3": 0.60, "opus": 0.60, "m4a": 0.70, "flac": 0.75, "alac": 0.75}
_BARE: Mapping[str, Sequence[str]] = {
    "mp3": ("-b:a", f"{BITRATE_KBPS}k"),
    "opus": ("-c:a", "libopus", "-b:a", "96k"),
    "m4a": ("-c:a", "aac", "-b:a", "128k"),
    "flac": (),
    "alac": ("-c:a", "alac", "-f", "ipod"),
}
Runs = dict[str, dict[str, list[Run]]]  # by format and side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="length of the source")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--formats", nargs="+", choices=sorted(_AIMS), default=list(_AIMS))
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="worker-bench-") as scratch:
        runs, peak = asyncio.run(_measure(console, Path(scratch), arguments))
    results = _summary(runs, peak, arguments.minutes)
    console.print(_table(results, arguments.rounds))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-long.json"
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


async def _measure(console: Console, scratch: Path, arguments: argparse.Namespace) -> tuple[Runs, float]:
    """Run each side once a round, so that other load affects all. Returns the runs, and the peak memory in MB."""
    source = await make_music(scratch / "long.wav", arguments.minutes * 60)
    runs: Runs = {audio_format: {side: [] for side in _SIDES} for audio_format in arguments.formats}
    peak = 0.0
    with canned_aws(scratch) as aws, servers.redis() as redis:
        environment = settings(aws.port, redis.port)
        os.environ.update(environment)  # for the client that sends
        for number in range(1, arguments.rounds + 1):
            console.print(f"Round {number} of {arguments.rounds}")
            for audio_format in arguments.formats:
                runs[audio_format]["bare ffmpeg"].append(await _run_bare(source, audio_format))
            for side, concurrency in (("whole", 1), ("split", CORES)):
                async with measured_worker(environment, concurrency=concurrency) as worker:
                    for audio_format in arguments.formats:
                        run = await worker.run(Workload("long", [source]), audio_format=audio_format)
                        runs[audio_format][side].append(run)
                    peak = max(peak, worker.peak_memory_mb())
    return runs, peak


async def _run_bare(source: Path, audio_format: str) -> Run:
    target = source.with_name(f"bare.{audio_format}")
    before, began_at = children_cpu_seconds(), time.monotonic()
    await ffmpeg("-i", source, "-map", "0:a:0", *_BARE[audio_format], target)
    run = Run(time.monotonic() - began_at, children_cpu_seconds() - before)
    target.unlink()
    return run


def _summary(runs: Runs, peak_memory_mb: float, minutes: float) -> dict[str, Any]:
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "cores": CORES,
        "minutes": minutes,
        "peak_memory_mb": round(peak_memory_mb, 1),
        "formats": {
            audio_format: {
                side: {
                    "wall_seconds": round(median(run.wall_seconds for run in of_side), 2),
                    "cpu_seconds": round(median(run.ffmpeg_cpu_seconds + run.own_cpu_seconds for run in of_side), 2),
                }
                for side, of_side in sides.items()
            }
            for audio_format, sides in runs.items()
        },
        "aims": _AIMS,
    }


def _table(results: Mapping[str, Any], rounds: int) -> Table:
    title = f"A WAV of {results['minutes']:g} minutes: seconds (CPU), medians of {rounds} rounds on {CORES} cores"
    table = Table(box=SIMPLE, pad_edge=False, title=title)
    for heading in ("", *_SIDES, "split to bare", "aim"):
        table.add_column(heading, justify="right" if heading else "left")
    for audio_format, sides in results["formats"].items():
        ratio = sides["split"]["wall_seconds"] / sides["bare ffmpeg"]["wall_seconds"]
        cells = [f"{sides[side]['wall_seconds']:.1f} ({sides[side]['cpu_seconds']:.1f})" for side in _SIDES]
        table.add_row(audio_format, *cells, f"{ratio:.2f}", f"{_AIMS[audio_format]:.2f}")
    table.add_row("peak memory of a worker, MB", "", "", f"{results['peak_memory_mb']}", "", "130")
    return table


if __name__ == "__main__":
    main()
