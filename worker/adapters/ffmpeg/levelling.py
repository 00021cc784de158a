"""Brings outputs to the loudness that is asked for: it is measured in the source, and again in each encoded output.

Encoders of lossy formats change both the loudness and the peaks, so the decoded output decides, and an output that has
not come out as it should is encoded again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.adapters.ffmpeg.filters import Analysis, selection_filters
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.measuring import loudness_analysis, read_loudness, within_scale
from worker.adapters.ffmpeg.passes import Passes
from worker.adapters.ffmpeg.runs import Bounds, Found, Runs, Task
from worker.domain.errors import ConverterCrashedError, UnsupportedAudioError
from worker.domain.loudness import Levelling, Loudness, OutputLoudness, PeakOutOfReachError
from worker.ports import SourceAudio

_MEASURING = 0.25  # shares of the progress that is left
_ENCODING = 0.7
_EACH_MEASURED = 0.5
_PADDING_SECONDS = 1.0  # by which decoded sound may be longer than what was encoded, in formats that store no length

Probe = Callable[[Path], Awaitable[SourceAudio]]


@dataclass(frozen=True, slots=True)
class LevelledOutput:
    """What is known of the encoded outputs, in their order. `loudness` is None for an output that asked for none."""

    found: Found
    lengths: list[float]
    loudness: list[OutputLoudness | None]


@dataclass(slots=True)
class _Output:
    number: int
    path: Path
    max_true_peak_dbtp: float
    levelling: Levelling


@dataclass(slots=True)
class Leveller:
    """Runs one conversion. `probe` reads the headers of an output."""

    runs: Runs
    probe: Probe
    bounds: Bounds
    passes: Passes
    _outputs: list[_Output] = field(default_factory=list)

    async def write(self, task: Task) -> LevelledOutput:
        """Encode the outputs of the task, each with its loudness. Raises what a conversion raises."""
        if not any(encoding.loudness for encoding in task.encodings):
            found = await self._run(task, 1.0)
            return LevelledOutput(found, found.verdict.lengths, [None] * len(task.outputs))
        task = await self._measured(task)
        found = await self._run(self._with_gains(task), _ENCODING)
        lengths, waiting = list(found.verdict.lengths), self._outputs
        while waiting := [output for output in waiting if not await self._measure_and_judge(task, output)]:
            part = self._with_gains(task, [output.number for output in waiting])
            again = await self._run(replace(part, analyses=()), _EACH_MEASURED)
            for output, length in zip(waiting, again.verdict.lengths, strict=True):
                lengths[output.number] = length
        return LevelledOutput(found, lengths, self._records(len(lengths)))

    async def _measured(self, task: Task) -> Task:
        """Measure the source for each output with a loudness, once for outputs that take the same sound of it.

        Returns the task with the source as it was found.
        """
        wanted = [(number, each) for number, each in enumerate(task.encodings) if each.loudness is not None]
        of_number = {number: tuple(selection_filters(task.audio, each)) for number, each in wanted}
        different = {of_number[number]: each for number, each in wanted}
        analyses = [loudness_analysis(each, number) for number, each in enumerate(different.values())]
        found = await self._run(replace(task, outputs=(), analyses=analyses), _MEASURING)
        task = replace(task, audio=found.audio)
        measured = {n: (each, read_loudness(found.log, n)) for n, each in enumerate(different.values())}

        async def analyse(analyses: Sequence[Analysis]) -> Log:
            return (await self._run(replace(task, outputs=(), analyses=analyses), _MEASURING)).log

        before = dict(zip(different, (await within_scale(measured, analyse)).values(), strict=True))
        for number, encoding in wanted:
            if encoding.loudness is not None:
                target, path = encoding.loudness, task.outputs[number][1]
                levelling = Levelling(target, before[of_number[number]])
                self._outputs.append(_Output(number, path, target.max_true_peak_dbtp, levelling))
        return task

    def _with_gains(self, task: Task, numbers: Sequence[int] | None = None) -> Task:
        """The task with the gain of each output, and with these outputs alone where `numbers` are given."""
        gains = {output.number: output.levelling.gain for output in self._outputs}
        return replace(
            task,
            outputs=[
                (replace(encoding, gain=gains.get(number)), path)
                for number, (encoding, path) in enumerate(task.outputs)
                if numbers is None or number in numbers
            ],
        )

    async def _measure_and_judge(self, task: Task, output: _Output) -> bool:
        """Whether the encoded output has the loudness, or no gain brings it closer. If not, the next gain is set."""
        encoding, _ = task.outputs[output.number]
        try:
            after = await self._measure(output.path)
        except UnsupportedAudioError as exc:
            raise ConverterCrashedError(f"the {encoding.format} output cannot be read") from exc
        try:
            return output.levelling.judge(after)
        except ValueError as exc:
            raise PeakOutOfReachError(encoding.format, output.max_true_peak_dbtp) from exc

    async def _measure(self, path: Path) -> Loudness:
        audio = await self.probe(path)
        task = Task(path, audio, analyses=[loudness_analysis(None, 0)])
        bounds = replace(self.bounds, seconds=self.bounds.seconds + _PADDING_SECONDS)
        log = await self.runs.run(task, bounds, self.passes.next(_EACH_MEASURED, audio))
        return read_loudness(log, 0)

    def _records(self, count: int) -> list[OutputLoudness | None]:
        records: list[OutputLoudness | None] = [None] * count
        for output in self._outputs:
            levelling = output.levelling
            if levelling.after is not None:
                records[output.number] = OutputLoudness.of(levelling.before, levelling.after)
        return records

    async def _run(self, task: Task, share: float) -> Found:
        return await self.runs.run_as_found(task, bounds=self.bounds, progress=self.passes.next(share))
