"""The first step of a conversion: what a job reads comes into its directory, the covers before the sources."""

from __future__ import annotations

import asyncio
from pathlib import Path

from worker.application.jobs.conversion_state import ConversionState
from worker.application.jobs.space_needs import bytes_per_second
from worker.domain.disk_space import SpaceNeed
from worker.domain.errors import InvalidMessageError, SourceTooLargeError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Stage
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture, picture_of
from worker.ports import ObjectStore

_ALL_SOURCES = "the list of sources"


class Downloads:
    """Downloads for all jobs. The sources of one may have `limit_bytes` together."""

    def __init__(self, objects: ObjectStore, limit_bytes: int) -> None:
        self._objects = objects
        self._limit_bytes = limit_bytes

    async def fetch(self, state: ConversionState) -> None:
        """Download what the job reads. Raises NoSpaceError, and what `ObjectStore.download` raises."""
        await self._covers(state)
        state.progress.enter(Stage.DOWNLOADING)
        time = asyncio.get_running_loop().time
        begun_at = time()  # the stage may end sooner, and is measured once where it is done again
        known_bytes = await self._size_of_all(state) if state.job.is_joined else 0
        done = 0
        for location, path in state.downloads.items():
            done += await self._source(state, location, path, done, known_bytes)
        state.progress.source_bytes = done
        if state.incoming.is_kept:  # else it went as fast as the converter
            state.progress.speeds.learn_download(done, time() - begun_at)
        if not state.incoming.is_converted_early:
            state.progress.leave()

    async def _covers(self, state: ConversionState) -> None:
        """Download the covers, before the sources, which may take long.

        Raises InvalidMessageError about one that is not a cover.
        """
        for index, output in enumerate(state.job.outputs):
            location = output.cover_location
            if location is not None and location not in state.covers:
                state.covers[location] = await self._cover(state, location, f"outputs[{index}].cover")

    async def _cover(self, state: ConversionState, location: ObjectLocation, path_of_field: str) -> Picture:
        path = state.source.with_name("cover")
        try:
            await self._objects.download(
                location,
                path,
                limit_bytes=MAX_PICTURE_BYTES,
                on_start=lambda size_bytes: state.reserve(SpaceNeed(size_bytes, size_bytes)),
                on_bytes=lambda _: None,
            )
        except SourceTooLargeError as exc:
            problem = f"{location} has {exc.size_bytes} bytes; a cover may have {exc.limit_bytes}"
            raise InvalidMessageError(path_of_field, problem) from exc
        picture = picture_of(await asyncio.to_thread(path.read_bytes))
        path.unlink()
        if picture is None:
            raise InvalidMessageError(path_of_field, f"{location} is neither a JPEG nor a PNG")
        return picture

    async def _size_of_all(self, state: ConversionState) -> int:
        """The size of all sources, asked first: where one is missing, or they are too large, nothing is downloaded."""
        size_bytes = sum([await self._objects.probe(location) for location in state.downloads])
        if size_bytes > self._limit_bytes:
            raise SourceTooLargeError(_ALL_SOURCES, size_bytes, self._limit_bytes)
        return size_bytes

    async def _source(
        self, state: ConversionState, location: ObjectLocation, path: Path, before: int, known_bytes: int
    ) -> int:
        """Download one source, and return its size.

        `before` is the size of the sources before it, and `known_bytes` that of all, as far as it is known.
        """
        progress, needs = state.progress, state.needs

        def on_start(size_bytes: int) -> None:
            state.incoming.size_bytes = size_bytes
            progress.source_bytes = max(known_bytes, before + size_bytes)
            state.reserve(needs.of_download(progress.source_bytes))
            progress.meter.expect(Stage.DOWNLOADING, progress.speeds.expected_download(progress.source_bytes))
            state.expect_the_rest(progress.source_bytes / bytes_per_second(state.job))

        def on_bytes(size_bytes: int) -> None:
            done = before + size_bytes
            if done > progress.source_bytes:  # its size was not known beforehand
                state.reserve(needs.of_download(2 * done, least=done))
            state.incoming.moved()
            # Where a converter reads it already, the converter's position is the job's.
            is_shown = progress.source_bytes and not state.incoming.is_converted_early
            progress.advance(done / progress.source_bytes if is_shown else 0)

        try:
            found = await self._objects.download(
                location,
                path,
                limit_bytes=self._limit_bytes - before,
                on_start=on_start,
                on_bytes=on_bytes,
                passage=None if state.incoming.is_kept else state.incoming,
            )
        except SourceTooLargeError as exc:
            if before:
                raise SourceTooLargeError(_ALL_SOURCES, before + exc.size_bytes, self._limit_bytes) from exc
            raise
        return found.size_bytes
