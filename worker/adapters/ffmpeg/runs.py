"""Runs ffmpeg over a source to a good end, and once more where that finds or mends something."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from worker.adapters.ffmpeg.command import convert_command
from worker.adapters.ffmpeg.counts import read_counts
from worker.adapters.ffmpeg.failures import check_end
from worker.adapters.ffmpeg.feeding import as_it_comes
from worker.adapters.ffmpeg.files import descriptors
from worker.adapters.ffmpeg.filters import Analysis, filter_graph, has_reference
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.prediction import PredictionCheck, of_changing_format
from worker.adapters.ffmpeg.printed_progress import ProgressReader
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.adapters.ffmpeg.verdict import Verdict, check_counts
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.encoding import Encoding
from worker.domain.errors import (
    ConverterAlwaysFailsError,
    ConverterFailedError,
    DurationTooLongError,
    TransientError,
    WorkerError,
)
from worker.ports import ConversionProgress, IncomingSource, MispredictedError, ReadOnceError, SourceAudio

_OVER_THE_LIMIT_SECONDS = 1.0  # sound that is decoded beyond the limit, to see that there is more
_HEADROOM_BYTES = 64 * 1024 * 1024  # of an output, for tags and for what a container adds
_CPU_HEADROOM_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a run: how long the source may play, and how large a file may become.

    `file_bytes` is None where plain samples of that length are the limit.
    """

    seconds: float
    file_bytes: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """What ffmpeg is given: a source, the outputs to write, and what of it is only examined.

    The files of the outputs keep their first `kept_bytes`. A source that is `incoming` is read as it comes. With
    `as_pieces` the files are not those of their formats, but such that their packets can be found.
    """

    source: Path
    audio: SourceAudio
    outputs: Sequence[tuple[Encoding, Path]] = ()
    analyses: Sequence[Analysis] = ()
    kept_bytes: int = 0
    incoming: IncomingSource | None = None
    as_pieces: bool = False

    @property
    def encodings(self) -> list[Encoding]:
        return [encoding for encoding, _ in self.outputs]

    @property
    def is_read_once(self) -> bool:
        """Whether no second run can read the source."""
        return self.incoming is not None and not self.incoming.is_kept


@dataclass(frozen=True, slots=True)
class Found:
    """What a run has found: the source as it turned out to be, the verdict, and all that ffmpeg said."""

    audio: SourceAudio
    verdict: Verdict
    log: Log


class Runs:
    """Runs the ffmpeg at `binary` in `sandbox`, with at most `memory_bytes` of addresses."""

    def __init__(self, binary: str, sandbox: Sandbox, memory_bytes: int) -> None:
        self._binary = binary
        self._sandbox = sandbox
        self._memory_bytes = memory_bytes

    async def run_as_found(self, task: Task, *, bounds: Bounds, progress: ConversionProgress) -> Found:
        """Convert, or without outputs only decode. Run again where the source turns out to need other filters.

        Gaps of one frame look like a clock that jitters, and a mix for every layout costs time: few sources need them.
        Raises what `run` and `check_counts` raise, and ConverterAlwaysFailsError.
        """
        log = await self._run_with_one_retry(task, bounds, progress)
        task = replace(task, audio=replace(task.audio, is_predicted=False))
        found = replace(task.audio, loses_frames=task.audio.loses_frames or log.has_lost_frames)
        if log.changes:
            found = of_changing_format(found)
        if _graph(task, found) != _graph(task, task.audio):
            task = replace(task, audio=found)
            log = await self._run_with_one_retry(task, bounds, progress)
        encodings = task.encodings
        counts = read_counts(log, len(encodings) + has_reference(encodings), task.audio)
        verdict = check_counts(counts, task.audio, encodings, max_duration_seconds=bounds.seconds)
        return Found(task.audio, verdict, log)

    async def _run_with_one_retry(self, task: Task, bounds: Bounds, progress: ConversionProgress) -> Log:
        """Run ffmpeg, and once more where it failed by itself: the same failure twice is not chance.

        Raises what `run` raises, and ConverterAlwaysFailsError for the same failure twice.
        """
        try:
            return await self.run(task, bounds, progress)
        except ConverterFailedError as first:
            if task.is_read_once:
                raise
            try:
                return await self.run(task, bounds, progress)
            except ConverterFailedError as second:
                if str(first) == str(second):
                    raise ConverterAlwaysFailsError(str(first)) from second
                raise

    async def run(self, task: Task, bounds: Bounds, progress: ConversionProgress) -> Log:
        """Run ffmpeg once, and return what it said.

        Raises MispredictedError, in place of others, where it does not describe the source as was predicted, and
        in place of DurationTooLongError of a predicted source that goes beyond the limit while it is converted;
        UnsupportedAudioError, NoAudioError, DurationTooLongError, OutputLimitError, WorkspaceFullError; and
        ConverterCrashedError, of which ConverterFailedError says that ffmpeg failed by itself. Raises ReadOnceError at
        once for a run without outputs, which others follow, over a source that can be read only once.
        """
        if task.is_read_once and not task.outputs:
            raise ReadOnceError
        log, check = Log(), PredictionCheck(task.audio)
        try:
            await self._run_to_the_end(task, bounds, progress, log, check)
        except WorkerError as exc:
            # Was the prediction right? A probe would say. A source that is read once gets another attempt instead.
            if not (task.is_read_once and isinstance(exc, TransientError)):
                check.final(log)
            raise
        check.final(log)
        return log

    async def _run_to_the_end(
        self, task: Task, bounds: Bounds, progress: ConversionProgress, log: Log, check: PredictionCheck
    ) -> None:
        audio, reader = task.audio, ProgressReader()
        limit_seconds = bounds.seconds + _OVER_THE_LIMIT_SECONDS
        sources = [task.source] * max(1, len(audio.parts))
        targets = [path for _, path in task.outputs]
        async with AsyncExitStack() as stack:
            source_fds, target_fds = stack.enter_context(descriptors(sources, targets, kept_bytes=task.kept_bytes))
            read, read_fds = await stack.enter_async_context(as_it_comes(audio, source_fds, task.incoming))

            def on_output(chunk: bytes) -> None:
                check.feed(chunk)
                if reader.feed(chunk):
                    check.early(log)
                    if reader.seconds_done > limit_seconds + _OVER_THE_LIMIT_SECONDS:
                        if audio.is_predicted:  # the time of the copied packet counts, too: 27 hours in short Vorbis
                            raise MispredictedError
                        raise DurationTooLongError(None, bounds.seconds)  # `-t` counts anew after a change of format
                    if not check.is_right:  # both pipes of ffmpeg have to be read for that, and they are in no order
                        return
                    progress.seconds_done = reader.seconds_done
                    if not audio.duration_seconds:
                        # The process shares the offset: it says how far it has read, and /proc is not needed.
                        progress.bytes_read = os.lseek(source_fds[0], 0, os.SEEK_CUR)

            returncode = await run(
                convert_command(
                    self._binary,
                    read,
                    read_fds,
                    list(zip(task.encodings, target_fds, strict=True)),
                    task.analyses,
                    limit_seconds=limit_seconds,
                    as_pieces=task.as_pieces,
                ),
                fds=[*read_fds, *target_fds],
                cwd=task.source.parent,
                limits=self._limits(task, limit_seconds, bounds.file_bytes),
                on_output=on_output,
                on_log=log.feed,
                sandbox=self._sandbox,
            )
        check_end(returncode, reader, log)

    def _limits(self, task: Task, limit_seconds: float, file_bytes: int | None) -> ProcessLimits:
        """CPU seconds: the playing time for the decoder, for each output and for each analysis, which all are faster.

        Bytes of a file: those of plain samples of 32 bits, which no format exceeds. Both with headroom.
        """
        length = task.audio.duration_seconds or limit_seconds
        widest = max((encoding.sample_rate_hz * encoding.channels for encoding in task.encodings), default=0)
        return ProcessLimits(
            memory_bytes=self._memory_bytes,
            cpu_seconds=_CPU_HEADROOM_SECONDS + int(length * (1 + len(task.outputs) + len(task.analyses))),
            file_bytes=task.kept_bytes + _HEADROOM_BYTES + int(limit_seconds * widest * 4)
            if file_bytes is None
            else file_bytes,
        )


def _graph(task: Task, audio: SourceAudio) -> tuple[str, list[str]]:
    return filter_graph(audio, task.encodings, task.analyses)
