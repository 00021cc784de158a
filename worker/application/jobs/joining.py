"""Between the downloads and the conversion: several sources become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worker.application.jobs.conversion_state import ConversionState
from worker.domain.errors import DurationTooLongError
from worker.domain.joining import naming
from worker.ports import (
    AudioConverter,
    ConversionProgress,
    DownloadedPart,
    JoinedSources,
    OutputLimitError,
)


class Joining:
    """Joins the sources of jobs; one object for all of them. Those of one may play for `max_seconds` together."""

    def __init__(self, converter: AudioConverter, max_seconds: float) -> None:
        self._converter = converter
        self._max_seconds = max_seconds

    async def join(self, state: ConversionState) -> JoinedSources:
        """Join the sources to the file `state.source`, and remove their own files.

        Raises NoSpaceError, and what a converter raises of the sources.
        """
        parts = await self._parts(state)
        stated_seconds = sum(part.audio.duration_seconds or 0.0 for part in parts)
        if stated_seconds > self._max_seconds:
            raise DurationTooLongError(stated_seconds, self._max_seconds, sources=len(parts))
        conversion = ConversionProgress()
        self._follow(state, parts, conversion)
        joined = await self._join_as_large_as_needed(state, parts, conversion)
        for path in state.downloads.values():
            path.unlink()
        return joined

    async def _parts(self, state: ConversionState) -> list[DownloadedPart]:
        downloads, audios = state.downloads, {}
        for location, path in downloads.items():
            with naming(location):
                audios[location] = await self._converter.probe(path)
        return [DownloadedPart(part, downloads[part.source], audios[part.source]) for part in state.job.parts]

    def _follow(self, state: ConversionState, parts: Sequence[DownloadedPart], conversion: ConversionProgress) -> None:
        """Show the sources as one, and joining them as a part of converting it."""
        progress, speeds = state.progress, state.progress.speeds
        source_seconds = sum(part.source_seconds for part in parts)
        crossfades_seconds = state.job.crossfade_seconds * (len(parts) - 1)
        joined_seconds = max(0.0, sum(part.seconds for part in parts) - crossfades_seconds)
        state.joining_seconds = speeds.expected_joining(source_seconds, len(parts))
        state.expect_the_rest(joined_seconds)
        first = parts[0].audio
        is_known = all(part.audio.duration_seconds is not None for part in parts)
        made_of = replace(first.format, duration_seconds=round(joined_seconds, 3) if is_known else None)
        whole = replace(first, duration_seconds=source_seconds, made_of=made_of)
        progress.follow(conversion, whole, until=state.joining_share)

    async def _join_as_large_as_needed(
        self, state: ConversionState, parts: Sequence[DownloadedPart], conversion: ConversionProgress
    ) -> JoinedSources:
        """Join, and again with more space where the samples turn out to be more than was estimated."""
        while True:
            need = state.needs.of_joining(parts)
            state.reserve(need)
            state.directory.space.give_back_beyond(need)
            samples_bytes = state.directory.space.size_bytes - state.needs.beside_samples(parts)
            try:
                return await self._converter.join(
                    parts,
                    state.source,
                    crossfade_seconds=state.job.crossfade_seconds,
                    max_duration_seconds=self._max_seconds,
                    progress=conversion,
                    max_file_bytes=samples_bytes,
                )
            except OutputLimitError:
                state.needs.outgrown_joining(samples_bytes)
