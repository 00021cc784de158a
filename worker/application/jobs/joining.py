"""Between the downloads and the conversion: several sources become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worker.application.jobs.conversion_run import ConversionRun
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

    async def join(self, run: ConversionRun) -> JoinedSources:
        """Put the sources, which are gone then, together to `run.source`.

        Raises NoSpaceError, and what a converter raises of the sources.
        """
        parts = await self._parts(run)
        stated_seconds = sum(part.audio.duration_seconds or 0.0 for part in parts)
        if stated_seconds > self._max_seconds:
            raise DurationTooLongError(stated_seconds, self._max_seconds, sources=len(parts))
        conversion = ConversionProgress()
        self._follow(run, parts, conversion)
        joined = await self._join_as_large_as_needed(run, parts, conversion)
        for path in run.downloads.values():
            path.unlink()
        return joined

    async def _parts(self, run: ConversionRun) -> list[DownloadedPart]:
        downloads, audios = run.downloads, {}
        for location, path in downloads.items():
            with naming(location):
                audios[location] = await self._converter.probe(path)
        return [DownloadedPart(part, downloads[part.source], audios[part.source]) for part in run.job.parts]

    def _follow(self, run: ConversionRun, parts: Sequence[DownloadedPart], conversion: ConversionProgress) -> None:
        """Show the sources as one, and joining them as a part of converting it."""
        progress, speeds = run.progress, run.progress.speeds
        source_seconds = sum(part.source_seconds for part in parts)
        crossfades_seconds = run.job.crossfade_seconds * (len(parts) - 1)
        joined_seconds = max(0.0, sum(part.seconds for part in parts) - crossfades_seconds)
        run.joining_seconds = speeds.expected_joining(source_seconds, len(parts))
        run.expect_the_rest(joined_seconds)
        first = parts[0].audio
        is_known = all(part.audio.duration_seconds is not None for part in parts)
        made_of = replace(first.format, duration_seconds=round(joined_seconds, 3) if is_known else None)
        whole = replace(first, duration_seconds=source_seconds, made_of=made_of)
        progress.follow(conversion, whole, until=run.joining_share)

    async def _join_as_large_as_needed(
        self, run: ConversionRun, parts: Sequence[DownloadedPart], conversion: ConversionProgress
    ) -> JoinedSources:
        """Again with more space where the samples turn out to be more than was estimated."""
        while True:
            need = run.needs.of_joining(parts)
            run.reserve(need)
            run.directory.space.give_back_beyond(need)
            samples_bytes = run.directory.space.size_bytes - run.needs.beside_samples(parts)
            try:
                return await self._converter.join(
                    parts,
                    run.source,
                    crossfade_seconds=run.job.crossfade_seconds,
                    max_duration_seconds=self._max_seconds,
                    progress=conversion,
                    max_file_bytes=samples_bytes,
                )
            except OutputLimitError:
                run.needs.outgrown_joining(samples_bytes)
