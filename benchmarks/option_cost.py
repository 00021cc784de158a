"""What an output's options cost: CPU seconds for a minute of sound, with the options of an example and without them.

Run as `python -m benchmarks.option_cost`, or with `make bench`. The examples are those of docs/options.md. Each output
is converted alone, from ten minutes of stereo in a WAV, by the worker's converter with its sandbox; the least of three
rounds counts.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.bare import FFMPEG, ffmpeg
from benchmarks.start_cost import cpu_seconds
from docs.option_examples import EXAMPLES
from worker.adapters.ffmpeg import FfmpegConverter
from worker.application.messages.message import parse_job
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.joining import SourcePart
from worker.ports import ConversionProgress, DownloadedPart

_MINUTES = 10
_ROUNDS = 3
_SOUND = "aevalsrc=0.3*sin(440*t*(1+0.2*sin(t)))+0.1*random(0)|0.3*sin(660*t)+0.1*random(1):sample_rate=44100"


async def _cost(converter: FfmpegConverter, source: Path, output: Mapping[str, Any]) -> float:
    """CPU seconds for a minute of sound."""
    spec = _spec(output)
    audio = await converter.probe(source)
    costs = []
    for _ in range(_ROUNDS):
        before = cpu_seconds()
        target = source.with_name("output")
        progress = ConversionProgress()
        await converter.convert(source, audio, [(spec, target)], max_duration_seconds=3600, progress=progress)
        costs.append(cpu_seconds() - before)
        for written in source.parent.glob("output*"):  # a stream has one for each bitrate
            written.unlink()
    return min(costs) / _MINUTES


async def _cost_of_joining(converter: FfmpegConverter, source: Path, output: Mapping[str, Any]) -> float:
    """CPU seconds for a minute of sound that is joined from two halves of a source and then converted."""
    half, joined, target = _MINUTES * 30.0, source.with_name("joined"), source.with_name("output")
    location, audio = ObjectLocation("bench", "source.wav"), await converter.probe(source)
    halves = [SourcePart(location, end_seconds=half), SourcePart(location, start_seconds=half)]
    costs = []
    for _ in range(_ROUNDS):
        before = cpu_seconds()
        sources = await converter.join(
            [DownloadedPart(part, source, audio) for part in halves],
            joined,
            crossfade_seconds=0.0,
            max_duration_seconds=3600,
            progress=ConversionProgress(),
        )
        await converter.convert(
            joined,
            sources.audio,
            [(_spec(output), target)],
            max_duration_seconds=3600,
            progress=ConversionProgress(),
        )
        costs.append(cpu_seconds() - before)
        joined.unlink()
        target.unlink()
    return min(costs) / _MINUTES


def _spec(output: Mapping[str, Any]) -> OutputSpec:
    return parse_job(json.dumps({"job_id": "cost", "source": "s3://bench/source.wav", "outputs": [output]})).outputs[0]


async def measure() -> None:
    converter = FfmpegConverter(FFMPEG)
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "source.wav")
        await ffmpeg("-f", "lavfi", "-i", _SOUND, "-t", _MINUTES * 60, source)
        print("CPU seconds for a minute of sound: without options, with them")
        for _, output in EXAMPLES:
            spec = _spec(output)
            plain = {"target": output["target"], "format": spec.format.value}
            without, with_options = await _cost(converter, source, plain), await _cost(converter, source, output)
            options = {name: value for name, value in output.items() if name not in plain}
            print(f"  {without:6.3f} {with_options:6.3f}  {spec.format} {json.dumps(options)}")
        plain = {"target": "s3://bench/output.mp3", "format": "mp3"}
        without, joined = await _cost(converter, source, plain), await _cost_of_joining(converter, source, plain)
        print(f"  {without:6.3f} {joined:6.3f}  mp3 of two sources that are joined")


if __name__ == "__main__":
    asyncio.run(measure())
