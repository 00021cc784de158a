"""Joins sources: decodes one behind the other to plain samples in one file, which is converted as one source is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from worker.adapters.ffmpeg.crossfading import Overlap
from worker.adapters.ffmpeg.encodings import cut_within, require_samples
from worker.adapters.ffmpeg.files import mended
from worker.adapters.ffmpeg.finishing import begin_of
from worker.adapters.ffmpeg.passes import Passes
from worker.adapters.ffmpeg.runs import Bounds, Runs, Task
from worker.adapters.shielding import run_shielded
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.cutting import Cut
from worker.domain.encoding import LOSSY_BITS, Encoding, common_depth
from worker.domain.errors import ConverterCrashedError, DurationTooLongError
from worker.domain.joining import Crossfade, SampleForm, SourcePart, common_form, naming
from worker.domain.report import full_scale
from worker.domain.tags.chapters import Chapter, chapters_from, chapters_within, in_order
from worker.domain.tags.collecting import without_levels
from worker.domain.tags.edits import Edits
from worker.ports import ConversionProgress, DownloadedPart, JoinedSources, SourceAudio

_SEARCH_SHARE = 0.5  # of a part's progress, where a first pass finds out how long its source is
_DECODING_SHARE = 0.8  # of a part's progress, where its beginning is mixed with the part before
_RAW_SAMPLES = "f32le"


@dataclass(frozen=True, slots=True)
class _Joined:
    """A part in the file of samples, from `begin` to `end` in frames, and its source as it was decoded."""

    begin: int
    end: int
    source_seconds: float
    repaired: tuple[str, ...]


@dataclass(slots=True)
class SourceJoiner:
    """Joins the sources of one job in the file at `path`. `max_seconds` is the most that they may have together."""

    runs: Runs
    parts: Sequence[DownloadedPart]
    path: Path
    crossfade_seconds: float
    max_seconds: float
    max_file_bytes: int | None
    _joined: list[_Joined] = field(default_factory=list)

    async def join(self, progress: ConversionProgress) -> JoinedSources:
        """Raises what `AudioConverter.join` raises."""
        self._crossfade.check_size(self._form)
        lengths = [part.source_seconds for part in self.parts]
        passes = Passes(progress, replace(self.parts[0].audio, duration_seconds=sum(lengths)))
        for number, part in enumerate(self.parts):
            share = lengths[number] / (sum(lengths[number:]) or 1.0)
            with naming(part.part.source):
                self._joined.append(await self._append(number, passes.next(share, part.audio)))
        repaired = [
            f"{part.part.source}: {sentence}"
            for part, joined in zip(self.parts, self._joined, strict=True)
            for sentence in joined.repaired
        ]
        return JoinedSources(self._audio(), tuple(repaired))

    @property
    def _form(self) -> SampleForm:
        return common_form([part.audio for part in self.parts])

    @property
    def _crossfade(self) -> Crossfade:
        return Crossfade(round(self.crossfade_seconds * self._form.rate_hz))

    async def _append(self, number: int, progress: ConversionProgress) -> _Joined:
        """Decode a part behind what is there already, and mix the ends that are to be heard together."""
        overlap = Overlap(self.path, self._form, self._crossfade)
        if not number or not overlap.size_bytes:
            return await self._decoded(number, self.path.stat().st_size if number else 0, progress)
        try:
            await run_shielded(asyncio.to_thread(overlap.keep))
            kept_bytes = self.path.stat().st_size - overlap.size_bytes
            audio = self.parts[number].audio
            passes = Passes(progress, audio)
            joined = await self._decoded(number, kept_bytes, passes.next(_DECODING_SHARE))
            crossfade = replace(audio, duration_seconds=self.crossfade_seconds)
            await self._mixed(overlap, kept_bytes, passes.next(1.0, crossfade))
            return joined
        finally:
            overlap.drop()

    async def _mixed(self, overlap: Overlap, kept_bytes: int, progress: ConversionProgress) -> None:
        mixing = asyncio.ensure_future(asyncio.to_thread(overlap.mix_in, kept_bytes, progress))
        try:
            await asyncio.shield(mixing)
        finally:
            overlap.stop()
            await asyncio.wait([mixing])

    async def _decoded(self, number: int, kept_bytes: int, progress: ConversionProgress) -> _Joined:
        part, form = self.parts[number], self._form
        seconds = self.max_seconds - sum(joined.source_seconds for joined in self._joined)
        bounds = Bounds(max(0.0, seconds), self.max_file_bytes)
        async with mended(part.path, part.audio.structure) as readable:
            task, passes = Task(readable, part.audio, kept_bytes=kept_bytes), Passes(progress, part.audio)
            try:
                task, cut = await self._placed(number, task, bounds, passes)
                encoding = _samples_in(form, cut)
                task = replace(task, outputs=[(encoding, self.path)])
                found = await self.runs.run_as_found(task, bounds=bounds, progress=passes.next(1.0))
            except DurationTooLongError as exc:
                raise DurationTooLongError(None, self.max_seconds, sources=len(self.parts)) from exc
        frames, rest = divmod(self.path.stat().st_size - kept_bytes, form.frame_bytes)
        if rest or frames != round(found.verdict.lengths[0] * form.rate_hz):
            raise ConverterCrashedError("not all of its samples have been written")
        self._crossfade.check(number, len(self.parts), frames, form.rate_hz)
        begin = kept_bytes // form.frame_bytes
        return _Joined(begin, begin + frames, found.verdict.source_seconds, found.verdict.repaired)

    async def _placed(self, number: int, task: Task, bounds: Bounds, passes: Passes) -> tuple[Task, Cut | None]:
        """The task, and the part's cut, limited to its source.

        Where the headers do not show that the cut lies within the source, the source is decoded to find its length.
        The task then has the source as it was found.
        """
        path, cut = f"source[{number}]", _cut_of(self.parts[number].part)
        require_samples(cut, task.audio.sample_rate_hz, path)
        if cut is None or not cut.needs_length(task.audio.duration_seconds):
            return task, cut
        found = await self.runs.run_as_found(task, bounds=bounds, progress=passes.next(_SEARCH_SHARE))
        cut = cut_within(cut, found.audio, found.verdict.source_seconds, path)
        return replace(task, audio=found.audio), cut

    def _audio(self) -> SourceAudio:
        """The joined sound as a source: its tags and its cover are the first source's, its chapters those of all.

        What the first says of its level is not true of the others.
        """
        form, first = self._form, self.parts[0].audio
        audios = [part.audio for part in self.parts]
        seconds = self._joined[-1].end / form.rate_hz
        size_bytes = self._joined[-1].end * form.frame_bytes
        return SourceAudio(
            container=_RAW_SAMPLES,
            codec=f"pcm_{_RAW_SAMPLES}",
            sample_rate_hz=form.rate_hz,
            channels=form.channels,
            bits_per_sample=common_depth(audios),
            duration_seconds=seconds,
            size_bytes=size_bytes,
            structure=Structure(0, size_bytes),
            layout=form.layout,
            tags=without_levels(first.tags),
            cover=first.cover,
            chapters=self._chapters(),
            made_of=replace(first.format, duration_seconds=round(seconds, 3)),
            may_be_huge=any(audio.may_be_huge for audio in audios),
            clips_at=_clips_at(audios),
        )

    def _chapters(self) -> tuple[Chapter, ...]:
        """The chapters of all parts, moved to the parts' places. None lasts beyond the beginning of the next part."""
        rate_hz = self._form.rate_hz
        begins = [*(joined.begin for joined in self._joined), self._joined[-1].end]
        chapters: list[Chapter] = []
        for part, (begin, next_begin) in zip(self.parts, pairwise(begins), strict=True):
            first = begin_of(part.audio) + (part.part.start_seconds or 0.0)
            within = chapters_within(part.audio.chapters, first, (next_begin - begin) / rate_hz)
            chapters += chapters_from(within, begin / rate_hz)
        return in_order(chapters)


def _clips_at(audios: Sequence[SourceAudio]) -> float:
    """The lowest full scale of the sources whose samples are stored with the most bits. DSD has none that clip."""
    most = max(audio.bits_per_sample or 0 for audio in audios)
    deepest = [audio.codec for audio in audios if (audio.bits_per_sample or 0) == most]
    return min(full_scale(codec, most or LOSSY_BITS) for codec in deepest)


def _cut_of(part: SourcePart) -> Cut | None:
    return None if part.is_whole else Cut(part.start_seconds or 0.0, part.end_seconds)


def _samples_in(form: SampleForm, cut: Cut | None) -> Encoding:
    return Encoding(
        AudioFormat.WAV,
        form.rate_hz,
        form.channels,
        bits_per_sample=32,
        bitrate_kbps=None,
        cut=cut,
        edits=Edits(keeps_tags=False, keeps_cover=False),
        samples_in=form.layout,
    )
