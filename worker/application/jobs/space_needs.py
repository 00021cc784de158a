"""How much of the disk an attempt needs: known better with each step, corrected where an estimate was too low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.domain.disk_space import OutputsTooLargeError, SpaceNeed
from worker.domain.encoding import bytes_of, common_depth, counted_bits, encodings_for
from worker.domain.job import Job, OutputSpec
from worker.domain.joining import common_form
from worker.domain.tags.pictures import MAX_PICTURE_BYTES
from worker.ports import DownloadedPart, SourceAudio

# Bytes for a second of audio, by the source's name, until its headers are read.
_PCM_BYTES_PER_SECOND = 176_400
_CODED_BYTES_PER_SECOND = 20_000
_PCM_SUFFIXES = frozenset({".wav", ".aiff", ".aif", ".au", ".caf", ".w64", ".flac", ".alac"})
_GROWTH = 4  # few repetitions: each costs as much as all before it together
_LEAST_GROWTH_BYTES = 1 << 20  # else a few bytes would stay as few, again and again
_INEXACT_SECONDS = 1.0  # the most by which the length that a source states is wrong
_USUAL = {"sample_rate_hz": 44_100, "channels": 2, "bits_per_sample": 16}


@dataclass(slots=True)
class SpaceNeeds:
    """The needs of one attempt at a job. `output_limit_bytes` is the most that its outputs may have together.

    Of a source that passes through the workspace, `window_bytes` are there at a time; None: all of it.
    """

    job: Job
    output_limit_bytes: int
    window_bytes: int | None = None
    _scale: float = 1.0
    _outgrown_bytes: int = field(default=0)  # what the outputs together have turned out to exceed
    _samples_scale: float = 1.0
    _outgrown_samples_bytes: int = 0  # what joined samples have turned out to exceed

    def of_download(self, source_bytes: int, *, least: int | None = None) -> SpaceNeed:
        """The need before the headers are read: that of the outputs is a guess.

        Where S3 does not say how large the source is, `source_bytes` is a guess, too, and `least` is what has come.
        """
        seconds = source_bytes / bytes_per_second(self.job)
        guess = sum(bytes_of(each, seconds).most for each in encodings_for(self.job.outputs, **_USUAL))
        least, most = self._kept(source_bytes if least is None else least), self._kept(source_bytes)
        return SpaceNeed(least, most + min(guess, self.output_limit_bytes))

    def of_conversion(self, audio: SourceAudio) -> SpaceNeed:
        """The need of all files together. Raises OutputsTooLargeError where the outputs must exceed their limit."""
        outputs = self._of_outputs(audio)
        least = max(sum(need.least for need in outputs), self._outgrown_bytes)
        if least > self.output_limit_bytes:
            raise OutputsTooLargeError(least, self.output_limit_bytes)
        most = min(sum(need.most for need in outputs), self.output_limit_bytes)
        inputs = self.of_inputs(audio)
        return SpaceNeed(inputs + least, inputs + max(least, most))

    def of_joining(self, parts: Sequence[DownloadedPart]) -> SpaceNeed:
        """The need of the sources and of the samples that they are joined to.

        Raises OutputsTooLargeError where the outputs, too, are sure to exceed their limit.
        """
        audios = [part.audio for part in parts]
        form, depth = common_form(audios), common_depth(audios)
        least_seconds = self._least_seconds(parts)
        shape = replace(audios[0], sample_rate_hz=form.rate_hz, channels=form.channels, bits_per_sample=depth)
        self.of_conversion(replace(shape, duration_seconds=least_seconds))
        samples = form.bytes_of(sum(part.seconds + _INEXACT_SECONDS for part in parts))
        least = max(form.bytes_of(least_seconds), self._outgrown_samples_bytes)
        beside = self.beside_samples(parts)
        return SpaceNeed(beside + least, beside + max(least, int(samples * self._samples_scale)))

    def _least_seconds(self, parts: Sequence[DownloadedPart]) -> float:
        """How long the parts are together at least: one whose source does not state its length may be short."""
        stated = [part for part in parts if part.audio.duration_seconds is not None]
        crossfades_seconds = self.job.crossfade_seconds * (len(parts) - 1)
        return max(0.0, sum(part.seconds - _INEXACT_SECONDS for part in stated) - crossfades_seconds)

    def beside_samples(self, parts: Sequence[DownloadedPart]) -> int:
        """All that is on the disk with the samples: the sources, a copy of one to mend it, the end of a crossfade."""
        audios = {part.path: part.audio for part in parts}.values()
        copies = [audio.size_bytes for audio in audios if audio.structure.patches]
        crossfade = common_form([*audios]).bytes_of(self.job.crossfade_seconds)
        return sum(audio.size_bytes for audio in audios) + max(copies, default=0) + crossfade

    def outgrown_joining(self, samples_bytes: int) -> None:
        """Note that the samples became more than so many bytes."""
        self._samples_scale *= _GROWTH
        self._outgrown_samples_bytes = samples_bytes + max(samples_bytes // 10, _LEAST_GROWTH_BYTES)

    def of_inputs(self, audio: SourceAudio) -> int:
        """How many bytes the source takes, and the copy of it that a converter makes to mend it."""
        return self._kept(audio.size_bytes) * (2 if audio.structure.patches else 1)

    def _kept(self, source_bytes: int) -> int:
        return source_bytes if self.window_bytes is None else min(source_bytes, self.window_bytes)

    def largest_output(self, audio: SourceAudio, all_outputs_bytes: int) -> int:
        """How large the largest output may become, where all of them together may have so many bytes."""
        needs = [need.most for need in self._of_outputs(audio)]
        return int(max(needs) * min(1.0, all_outputs_bytes / sum(needs)))

    def outgrown(self, all_outputs_bytes: int) -> None:
        """Note that an output outgrew its part of so many bytes. Raises OutputsTooLargeError at the limit."""
        if all_outputs_bytes >= self.output_limit_bytes:
            raise OutputsTooLargeError(None, self.output_limit_bytes)
        self._scale *= _GROWTH
        self._outgrown_bytes = all_outputs_bytes + all_outputs_bytes // 10

    def _of_outputs(self, audio: SourceAudio) -> Sequence[SpaceNeed]:
        stated = audio.duration_seconds
        seconds = audio.size_bytes / _CODED_BYTES_PER_SECOND if stated is None else stated
        encodings = encodings_for(
            self.job.outputs,
            sample_rate_hz=audio.sample_rate_hz,
            channels=audio.channels,
            bits_per_sample=counted_bits(audio.codec, audio.bits_per_sample),
            seconds=stated,
        )
        needs = []
        for encoding in encodings:
            need = bytes_of(encoding, seconds)
            cover_bytes = _cover_bytes(self.job.outputs[encoding.output], audio)
            needs.append(SpaceNeed(0 if stated is None else need.least, int(need.most * self._scale) + cover_bytes))
        return needs


def _cover_bytes(spec: OutputSpec, audio: SourceAudio) -> int:
    """The most bytes that an output's cover may have. One that is downloaded is not known before."""
    if spec.cover_location is not None:
        return MAX_PICTURE_BYTES
    return len(audio.cover.content) if audio.cover else 0


def bytes_per_second(job: Job) -> int:
    """How many bytes a second of sound takes in the sources, by their names; for several, the smallest number."""
    return min(
        _PCM_BYTES_PER_SECOND if Path(part.source.key).suffix.lower() in _PCM_SUFFIXES else _CODED_BYTES_PER_SECOND
        for part in job.parts
    )
