"""One mutant, converted by the worker's converter, and the outcome."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.mutation.mutations import MUTATIONS
from tests.mutation.sources import units, whole
from tests.support.conversions import an_output
from tests.support.pcm import read_wav
from tests.support.sounds import FFMPEG
from tests.support.sweep import HeardSweep, hear_sweep
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import JobError
from worker.ports import ConversionProgress

_MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant by its name: the whole file, what is done to it, and the seed of what is random in that."""

    source: str
    mutation: str
    seed: int

    def __str__(self) -> str:
        return f"{self.source}, {self.mutation}, seed {self.seed}"

    def mutant(self) -> bytes:
        random = Random(f"{self.source}:{self.mutation}:{self.seed}")
        return MUTATIONS[self.mutation](whole(self.source), units(self.source), random)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the worker did with a file. Completed: `heard` is its output in WAV. Refused: `error` says why."""

    heard: HeardSweep | None
    repaired: tuple[str, ...] = ()
    error: JobError | None = None
    took_seconds: float = 0.0


async def convert(path: Path) -> Outcome:
    """The outcome of a conversion to WAV; what is no refusal of ours is raised."""
    converter = FfmpegConverter(FFMPEG)
    target = path.with_suffix(".out.wav")
    began = time.monotonic()
    try:
        audio = await converter.probe(path)
        converted = await converter.convert(
            path,
            audio,
            [(an_output(AudioFormat.WAV), target)],
            max_duration_seconds=_MAX_SECONDS,
            progress=ConversionProgress(),
        )
    except JobError as exc:
        return Outcome(None, error=exc, took_seconds=time.monotonic() - began)
    took_seconds = time.monotonic() - began
    heard = await asyncio.to_thread(hear_wav, target.read_bytes())
    return Outcome(heard, converted.repaired, took_seconds=took_seconds)


def hear_wav(data: bytes) -> HeardSweep:
    """The first channel of a WAV. Raises ValueError where it is none."""
    pcm = read_wav(data)
    return hear_sweep(pcm.channel(0), pcm.rate_hz)
