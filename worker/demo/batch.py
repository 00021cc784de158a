"""The jobs of the demo: sources, and the outputs of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.application.messages.message import parse_job
from worker.demo.sounds import Sound
from worker.demo.stack import SOURCES, TARGETS
from worker.domain.job import Job
from worker.domain.naming import readable_id_part

PICTURE_ENDING = ".png"

_MP3 = {"format": "mp3", "bitrate_kbps": 192}
_SPEECH = {"format": "opus", "bitrate_kbps": 48, "channels": 1}
_M4A = {"format": "m4a", "bitrate_kbps": 192}
_OGG = {"format": "ogg", "bitrate_kbps": 160}
_PODCAST = {"preset": "podcast", "format": "mp3"}  # brought to the loudness of podcasts
_PICTURE = {"format": "waveform"}
_FOR_USERS = (_PODCAST, {"format": "opus", "bitrate_kbps": 96}, _M4A, {"format": "flac"}, _PICTURE)
_ENDINGS = {"alac": "-alac.m4a", "waveform": PICTURE_ENDING}

# About half a minute of work for two cores.
_PROGRAMME: dict[Sound, Sequence[dict[str, Any]]] = {
    Sound("night-train.wav", 420): (_MP3, _SPEECH),
    Sound("old-mill.flac", 240): (_OGG, _M4A),
    Sound("harbour.aiff", 240): (_M4A, {"format": "flac"}),
    Sound("first-snow.mp3", 60): ({"format": "wav", "sample_rate_hz": 48000}, {"format": "alac"}),
    Sound("letter-home.m4a", 45): ({"format": "aac", "bitrate_kbps": 96}, {"format": "webm"}),
    Sound("interview.ogg", 30): (_PODCAST, _PICTURE),
}
_SHORT_PROGRAMME: dict[Sound, Sequence[dict[str, Any]]] = {
    Sound("night-train.wav", 60): (_MP3, _OGG),
    Sound("old-mill.flac", 90): (_OGG, _M4A),
    Sound("interview.ogg", 5): (_PODCAST, _PICTURE),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One job of the batch, and the local file of its source."""

    job: Job
    file: Path


def programme(*, short: bool) -> Sequence[Sound]:
    """The sounds to make where the user gave no files."""
    return list(_SHORT_PROGRAMME if short else _PROGRAMME)


def entries_for_sounds(files: Sequence[Path], *, short: bool) -> Sequence[Entry]:
    """The jobs for the sounds of `programme`, in its order."""
    outputs_of_each = (_SHORT_PROGRAMME if short else _PROGRAMME).values()
    return [_entry(file.stem, file.stem, file, outputs) for file, outputs in zip(files, outputs_of_each, strict=True)]


def entries_for_files(files: Sequence[Path]) -> Sequence[Entry]:
    """The jobs for the user's own files: four formats of each and its picture, under its name."""
    job_ids: list[str] = []
    names: list[str] = []
    for file in files:
        job_ids.append(_unlike(job_ids, readable_id_part(file.name)))
        names.append(_unlike(names, file.stem))
    return [_entry(*entry, _FOR_USERS) for entry in zip(job_ids, names, files, strict=True)]


def _unlike(taken: Sequence[str], name: str) -> str:
    return name if name not in taken else f"{name}-{len(taken) + 1}"


def _entry(job_id: str, name: str, file: Path, outputs: Sequence[dict[str, Any]]) -> Entry:
    message = {
        "job_id": job_id,
        "source": f"s3://{SOURCES}/{name}{file.suffix.lower()}",
        "outputs": [{"target": f"s3://{TARGETS}/{_target(name, output)}", **output} for output in outputs],
    }
    return Entry(parse_job(json.dumps(message)), file)


def _target(name: str, output: dict[str, Any]) -> str:
    return name + _ENDINGS.get(output["format"], f".{output['format']}")
