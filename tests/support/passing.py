"""A worker's parts with a disk that is too small for the source, which is a minute of silence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.converter import FakeConverter
from tests.fakes.objects import MemoryObjects
from tests.fakes.volume import FakeVolume
from tests.support.harness import SOURCE, TARGET, Harness, a_harness
from tests.support.sounds import silence
from worker.domain.job import ObjectLocation
from worker.ports import SourceObject

KIB = 1024
WINDOW_BYTES = 256 * KIB
# The source has 960 kB, and a WAV of it as much: the workspace can hold either, and not both.
DISK_BYTES = 1_400 * KIB
SECONDS = 60


class WatchedObjects(MemoryObjects):
    """Notes the most that a source has taken of the disk, and how often one was downloaded."""

    def __init__(self) -> None:
        super().__init__("in-bucket", "out-bucket")
        self.peak_bytes = 0
        self.downloads = 0

    async def download(self, source: ObjectLocation, path: Path, **arguments: Any) -> SourceObject:
        on_bytes = arguments.pop("on_bytes")

        def watched(done: int) -> None:
            self.peak_bytes = max(self.peak_bytes, path.stat().st_blocks * 512)
            on_bytes(done)

        self.downloads += 1
        return await super().download(source, path, on_bytes=watched, **arguments)


def a_body(audio_format: str = "wav", **options: object) -> str:
    output = {"target": str(TARGET), "format": audio_format, **options}
    return json.dumps({"job_id": "ep-1", "source": str(SOURCE), "outputs": [output]})


@asynccontextmanager
async def a_small_disk(
    root: Path, *, disk_bytes: int = DISK_BYTES, **parts: Any
) -> AsyncIterator[tuple[Harness, WatchedObjects]]:
    """A harness whose workspace can hold the source, but not an output as large beside it."""
    objects = WatchedObjects()
    parts = {"window_bytes": WINDOW_BYTES, **parts}
    async with a_harness(root, objects=objects, volume=FakeVolume(root, disk_bytes), **parts) as harness:
        objects.put(SOURCE, silence(SECONDS))
        if isinstance(harness.converter, FakeConverter):
            harness.converter.predicts_from_front = True
        yield harness, objects
