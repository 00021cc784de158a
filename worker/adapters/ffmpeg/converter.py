"""`AudioConverter` with the ffmpeg command."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from worker.adapters.disk import in_thread_if_large
from worker.adapters.ffmpeg.command import probe_command, probed_by_packets
from worker.adapters.ffmpeg.counts import Counts, read_counts
from worker.adapters.ffmpeg.encodings import encodings_of, paths_of, within
from worker.adapters.ffmpeg.failures import failure_of, lacks_a_track, no_track
from worker.adapters.ffmpeg.feeding import FED, NotYetThereError, so_far
from worker.adapters.ffmpeg.files import (
    Inspected,
    descriptors,
    inspect,
    inspected_by,
    mended,
    readable_head,
    reader,
)
from worker.adapters.ffmpeg.filters import Analysis, is_short_by_unknown_samples
from worker.adapters.ffmpeg.finishing import finished
from worker.adapters.ffmpeg.finite import examine_floats
from worker.adapters.ffmpeg.levelling import Leveller
from worker.adapters.ffmpeg.log import MAX_DESCRIPTION_BYTES, Log
from worker.adapters.ffmpeg.measuring import Analyse
from worker.adapters.ffmpeg.passes import Passes
from worker.adapters.ffmpeg.prediction import MAX_PRINTED_BYTES, of_first_frame, predicted_headers, source_audio
from worker.adapters.ffmpeg.printed_headers import read_headers
from worker.adapters.ffmpeg.process import CpuLimitError, ProcessLimits, run
from worker.adapters.ffmpeg.runs import Bounds, Runs, Task
from worker.adapters.ffmpeg.sound_reports import loudness_of_reports, measurements, with_reports
from worker.adapters.ffmpeg.sources import SourceJoiner
from worker.adapters.ffmpeg.trimming import searches_for_sound, trimmed
from worker.adapters.ffmpeg.verdict import check_headers
from worker.adapters.sandbox.choice import available_sandbox
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.encoding import Encoding
from worker.domain.errors import (
    DurationTooLongError,
    StalledError,
    UnsupportedAudioError,
)
from worker.domain.job import OutputSpec
from worker.ports import (
    ConversionProgress,
    Converted,
    DownloadedPart,
    IncomingSource,
    JoinedSources,
    MispredictedError,
    SourceAudio,
)

_PROBE_SECONDS = 60.0
_PROBE_CPU_SECONDS = 30
_SEARCH_SHARE = 0.2  # of the progress, for a pass that encodes nothing


class FfmpegConverter:
    """Converts with the ffmpeg at `binary`.

    `memory_bytes` bounds the address space of each process; 16 outputs were measured to need 768 MiB, and 16 streams
    of 6 bitrates 1.6 GiB. A conversion that hangs is stopped by the caller, which watches its progress. A `sandbox` of
    None means all that the kernel offers.
    """

    def __init__(self, binary: str, *, sandbox: Sandbox | None = None, memory_bytes: int = 2 * 1024**3) -> None:
        self._binary = binary
        self._sandbox = available_sandbox(binary) if sandbox is None else sandbox
        self._memory_bytes = memory_bytes
        self._runs = Runs(binary, self._sandbox, memory_bytes)

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        """Read the headers, and see from its structure whether the source is all there."""
        inspected = await asyncio.to_thread(inspect, source)
        if may_predict and (audio := await self._predicted(source, inspected)) is not None:
            return audio
        parts = inspected.structure.parts
        if not parts:
            return await self._probe(source, inspected)
        audios = [
            await self._probe(source, replace(inspected, structure=part, size_bytes=part.end - part.begin))
            for part in parts
        ]
        lengths = [audio.duration_seconds for audio in audios if audio.duration_seconds is not None]
        return replace(
            audios[0],
            bits_per_sample=max((audio.bits_per_sample for audio in audios if audio.bits_per_sample), default=None),
            duration_seconds=sum(lengths) if len(lengths) == len(audios) else None,
            size_bytes=inspected.size_bytes,
            structure=inspected.structure,
            parts=tuple(audios),
        )

    async def predict_from_front(self, source: Path, incoming: IncomingSource) -> SourceAudio | None:
        """Predict what a probe would say of the source from the bytes that have come. None where that cannot be."""
        try:
            inspected = await asyncio.to_thread(_inspect_front, source, incoming.written_bytes, incoming.size_bytes)
        except (NotYetThereError, UnsupportedAudioError):
            return None
        is_read_in_order = inspected.container in FED and not inspected.structure.patches
        headers = predicted_headers(inspected)
        if not is_read_in_order or headers is None or headers.is_float:  # each float is examined before a conversion
            return None
        return await self._predicted(source, inspected)

    async def _predicted(self, source: Path, inspected: Inspected) -> SourceAudio | None:
        headers = predicted_headers(inspected)
        if headers is None:
            return None
        try:
            check_headers(headers)
        except UnsupportedAudioError:
            return None  # a source is refused only for what ffmpeg itself says of it
        floats = await examine_floats(source, inspected, headers)
        return replace(source_audio(inspected, headers, "", floats), is_predicted=True)

    async def _probe(self, source: Path, inspected: Inspected) -> SourceAudio:
        """Ask ffmpeg what the headers say, and once more where a track may have no packets, or a late first one."""
        by_packets = probed_by_packets(inspected.container, inspected.structure)
        if by_packets is not None:
            inspected = replace(inspected, structure=replace(inspected.structure, probe_bytes=None))
        returncode, printed, log = await self._printed(source, inspected)
        error = failure_of(returncode, log)
        if lacks_a_track(returncode) and by_packets is not None:
            inspected = replace(inspected, structure=by_packets)
            returncode, printed, log = await self._printed(source, inspected)
            error = no_track(error) if lacks_a_track(returncode) else failure_of(returncode, log)
        if error:
            raise error
        headers = of_first_frame(read_headers(printed, log), inspected)
        check_headers(headers)
        return source_audio(inspected, headers, log.described, await examine_floats(source, inspected, headers))

    async def _printed(self, source: Path, inspected: Inspected) -> tuple[int, str, Log]:
        """The exit code of a probe, the lines of the text muxer, and all that ffmpeg said."""
        printed, log = bytearray(), Log(MAX_DESCRIPTION_BYTES)
        async with readable_head(source, inspected.structure) as head:
            with descriptors([head]) as ((source_fd,), _):
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        returncode = await run(
                            probe_command(self._binary, inspected.container, source_fd, inspected.structure),
                            fds=[source_fd],
                            cwd=source.parent,
                            limits=ProcessLimits(self._memory_bytes, _PROBE_CPU_SECONDS, file_bytes=0),
                            on_output=lambda chunk: printed.extend(chunk[: MAX_PRINTED_BYTES - len(printed)]),
                            on_log=log.feed,
                            sandbox=self._sandbox,
                        )
                except TimeoutError:  # with little CPU time: it waits for the disk, or for other processes
                    raise StalledError(_PROBE_SECONDS, "the source's headers were not read") from None
                except CpuLimitError as exc:
                    raise UnsupportedAudioError(
                        f"the source's headers take more than {_PROBE_CPU_SECONDS} s of CPU time to read"
                    ) from exc
        return returncode, printed.decode("utf-8", "replace"), log

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
        incoming: IncomingSource | None = None,
    ) -> Converted:
        """Encode all outputs in one pass of ffmpeg, and accept them only where ffmpeg's own counts add up.

        Further passes come before it where silence or a loudness has to be measured, or where a cut or a few samples
        need the source's length; and after it, to measure the loudness of outputs and encode again those that miss it.
        A pass is repeated where the source turns out to need other filters, and once where ffmpeg failed by itself.
        """
        if audio.duration_seconds is not None and audio.duration_seconds > max_duration_seconds:
            if audio.is_predicted:
                raise MispredictedError
            raise DurationTooLongError(audio.duration_seconds, max_duration_seconds)
        encodings = encodings_of([spec for spec, _ in outputs], audio)
        paths = paths_of(encodings, [path for _, path in outputs])
        bounds = Bounds(max_duration_seconds, max_file_bytes)
        async with mended(source, audio.structure) as readable:
            task, passes = Task(readable, audio, incoming=incoming), Passes(progress, audio)
            is_short = is_short_by_unknown_samples(audio)
            if is_short or any(each.is_found_by_decoding(audio.duration_seconds) for each in encodings):
                search = replace(task, analyses=searches_for_sound(encodings))
                found = await self._runs.run_as_found(search, bounds=bounds, progress=passes.next(_SEARCH_SHARE))
                length = found.verdict.source_seconds
                encodings = within(encodings, found.audio, length)
                encodings = trimmed(encodings, found.log, rate_hz=audio.sample_rate_hz, source_seconds=length)
                seconds = length if is_short else found.audio.duration_seconds
                task = replace(task, audio=replace(found.audio, duration_seconds=seconds))
            task = replace(
                task, outputs=list(zip(encodings, paths, strict=True)), analyses=measurements(encodings, audio)
            )
            written = await Leveller(self._runs, self.probe, bounds, passes).write(task)
        size_bytes, found = sum(path.stat().st_size for path in paths), written.found
        length = found.verdict.source_seconds
        analyse = self._analysing(replace(task, audio=found.audio), bounds, passes)
        loudness = await loudness_of_reports(encodings, found.log, analyse)
        reported = with_reports(task.outputs, found.audio, found.log, loudness, written.lengths, length)
        artifacts = await in_thread_if_large(size_bytes, lambda: finished(found.audio, reported, written.lengths))
        measured = reversed([*zip(encodings, written.loudness, strict=True)])
        of_outputs = {each.output: loudness for each, loudness in measured}  # of a stream, that of its first bitrate
        levelled = (replace(each, loudness=of_outputs[number]) for number, each in enumerate(artifacts))
        return Converted(tuple(levelled), length, found.verdict.repaired)

    def _analysing(self, task: Task, bounds: Bounds, passes: Passes) -> Analyse:
        """Of the source of a task whose outputs are written."""

        async def analyse(analyses: Sequence[Analysis]) -> Log:
            again = replace(task, outputs=(), analyses=analyses)
            return (await self._runs.run_as_found(again, bounds=bounds, progress=passes.next(1.0))).log

        return analyse

    async def join(
        self,
        parts: Sequence[DownloadedPart],
        path: Path,
        *,
        crossfade_seconds: float,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
    ) -> JoinedSources:
        """Decode each part in one pass of ffmpeg, or in two where the length of its source has to be found first.

        A pass is repeated as in `convert`.
        """
        joiner = SourceJoiner(
            self._runs, parts, path, crossfade_seconds, max_duration_seconds, max_file_bytes=max_file_bytes
        )
        return await joiner.join(progress)

    async def encode(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        *,
        seconds: float,
        max_file_bytes: int,
        progress: ConversionProgress,
        as_pieces: bool = False,
    ) -> Counts | None:
        """Run ffmpeg once over `seconds` of sound, and return its counts, for the caller to judge.

        With `as_pieces` each file is in a container in which a joiner finds the packets. Raises what `convert` raises.
        """
        task, bounds = Task(source, audio, outputs, as_pieces=as_pieces), Bounds(seconds, max_file_bytes)
        log = await self._runs.run(task, bounds, progress)
        return read_counts(log, len(outputs), audio)


def _inspect_front(source: Path, written_bytes: int, size_bytes: int) -> Inspected:
    """Inspect a source of which only `written_bytes` are there. Raises NotYetThereError, UnsupportedAudioError."""
    with reader(source) as (read_at, _):
        return inspected_by(so_far(read_at, written_bytes, size_bytes), size_bytes)
