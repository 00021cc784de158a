"""`python -m benchmarks.scaling`: how long an hour of WAV should take on more cores than there are here.

A model computes it from the CPU time of the worker and its converters, beside what is measured on one core and on all.
No encoder can take less time than its pieces, no core do more than its share, and the last piece begins when all of
the source has come.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.bare import CORES, Run, Workload, make_music
from benchmarks.canned_aws import canned_aws, settings
from benchmarks.measured_worker import measured_worker
from worker.demo import servers
from worker.domain.audio import AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.splitting.pieces import pieces_of

_RATE_HZ, _FRAME_BYTES = 44_100, 4  # of the source
_ENCODINGS = {
    "mp3": Encoding(AudioFormat.MP3, _RATE_HZ, 2, 16, 192),
    "opus": Encoding(AudioFormat.OPUS, 48_000, 2, 16, 96),
    "alac": Encoding(AudioFormat.ALAC, _RATE_HZ, 2, 16, None),
}
_PAPER_CORES = (8, 16, 64)
# Of one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html
_GET_BYTES_PER_SECOND = 90e6


@dataclass(frozen=True, slots=True)
class Model:
    """`converters_seconds` and `own_seconds` are CPU of one job, as measured."""

    audio_format: str
    minutes: float
    converters_seconds: float
    own_seconds: float

    def wall_seconds(self, cores: int, *, bytes_per_second: float = math.inf) -> float:
        """How long the job takes with a slot for each core, all free, and a source that comes at that speed."""
        samples = round(self.minutes * 60 * _RATE_HZ)
        pieces = pieces_of(samples, _RATE_HZ, [_ENCODINGS[self.audio_format]], cores)
        given = [piece.given_samples for piece in pieces] or [samples]  # of one core
        seconds = [self.converters_seconds * each / sum(given) for each in given]
        busy_until = [0.0] * cores
        for each in seconds:
            heapq.heapreplace(busy_until, busy_until[0] + each)
        shares = (self.converters_seconds + self.own_seconds) / cores
        download = samples * _FRAME_BYTES / bytes_per_second
        return max(*busy_until, shares, self.own_seconds, download + seconds[-1] if download else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="length of the source")
    arguments = parser.parse_args()
    measured = asyncio.run(_measure(arguments.minutes))
    Console(highlight=False).print(_table(measured, arguments.minutes))


async def _measure(minutes: float) -> dict[int, dict[str, Run]]:
    """Run each format on one core and on all. Returns the runs by the number of cores."""
    with TemporaryDirectory(prefix="worker-bench-") as scratch:
        source = await make_music(Path(scratch) / "long.wav", minutes * 60)
        with canned_aws(Path(scratch)) as aws, servers.redis() as redis:
            environment = settings(aws.port, redis.port)
            os.environ.update(environment)  # for the client that sends
            return {cores: await _runs_on(cores, source, environment) for cores in (1, CORES)}


async def _runs_on(cores: int, source: Path, environment: dict[str, str]) -> dict[str, Run]:
    with _only(cores):
        async with measured_worker(environment, concurrency=cores) as worker:
            return {each: await worker.run(Workload("long", [source]), audio_format=each) for each in _ENCODINGS}


@contextmanager
def _only(cores: int) -> Iterator[None]:
    """Give what is started inside the `with` so many of this process's cores."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_cores)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def _table(measured: dict[int, dict[str, Run]], minutes: float) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, title=f"A WAV of {minutes:g} minutes, s: on paper, and as measured")
    columns = ["format", *(f"{cores} of {CORES}: paper, measured" for cores in measured)]
    for heading in [*columns, *(f"{cores} cores" for cores in _PAPER_CORES), "64 cores, one GET of S3"]:
        table.add_column(heading, justify="left" if heading == "format" else "right")
    for audio_format, run in measured[CORES].items():
        model = Model(audio_format, minutes, run.ffmpeg_cpu_seconds, run.own_cpu_seconds)
        table.add_row(audio_format, *_cells(model, {cores: runs[audio_format] for cores, runs in measured.items()}))
    return table


def _cells(model: Model, measured: dict[int, Run]) -> Sequence[str]:
    return [
        *(f"{model.wall_seconds(cores):.1f}, {run.wall_seconds:.1f}" for cores, run in measured.items()),
        *(f"{model.wall_seconds(cores):.1f}" for cores in _PAPER_CORES),
        f"{model.wall_seconds(_PAPER_CORES[-1], bytes_per_second=_GET_BYTES_PER_SECOND):.1f}",
    ]


if __name__ == "__main__":
    main()
