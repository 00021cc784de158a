"""A worker's parts with a disk that is too small for the source, which is a minute of silence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.converter import FakeConverter
from tests.fakes.objects import MemoryObjects
from tests.fakes.volume import FakeVolume
from tests.support.harness import SOURCE, TARGET, Harness, a_harness
from tests.support.sounds import silence
from worker.domain.job import ObjectLocation, OutputSpec
from worker.ports import Artifact, Converted, IncomingSource, OutputLimitError, SourceAudio, SourceObject

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


class ShortConverter(FakeConverter):
    """Reads one byte of a source that passes, and writes outputs of `output_bytes`, as far as they may be so large."""

    output_bytes = 1
    volume: FakeVolume | None = None  # which others leave when a conversion begins

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_file_bytes: int | None = None,
        incoming: IncomingSource | None = None,
        **_: Any,
    ) -> Converted:
        assert incoming is not None
        await incoming.wait_for_more_than(0)
        incoming.read_up_to(1)
        self.conversions += 1
        if self.volume is not None:
            self.volume.foreign_bytes = 0
        if max_file_bytes is not None and self.output_bytes > max_file_bytes:
            raise OutputLimitError
        for _spec, path in outputs:
            path.write_bytes(bytes(self.output_bytes))
        artifacts = [Artifact(path, float(SECONDS), 0, self.output_bytes) for _, path in outputs]
        return Converted(tuple(artifacts), float(SECONDS))


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
