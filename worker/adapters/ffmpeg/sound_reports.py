"""Reports with ffmpeg: filters measure the sound of an output, and say in the log what they have found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from worker.adapters.disk import NO_SPACE, LocalVolume
from worker.adapters.ffmpeg.channels import target_layout
from worker.adapters.ffmpeg.filters import Analysis
from worker.adapters.ffmpeg.log import MAX_LISTED_LINES, Log
from worker.adapters.ffmpeg.measuring import Analyse, loudness_analysis, read_loudness, within_scale
from worker.adapters.ffmpeg.tags import metadata_of
from worker.domain.audio import AudioFormat
from worker.domain.encoding import LOSSY_BITS, Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.loudness import Loudness
from worker.domain.report import SHORTEST_SILENCE_SECONDS, SILENCE_DBFS, Report, Silence, full_scale, joined_silences
from worker.ports import Artifact, SourceAudio

_SILENCES = "silencedetect@silences{number}"
_CLIPPED = "astats@clipped{number}"
# The first filter cuts all samples off at full scale, and the last one counts those with the highest level. A level is
# printed with six decimal places. The gain of a million between them tells full scale from one bit of 32 below it.
_COUNTED = (
    "asoftclip=type=hard:threshold={threshold:.15f},volume={gain:.9f}:precision=double,"
    "{name}=measure_perchannel=Min_level+Max_level+Abs_Peak_count:measure_overall=none"
)
_PLACES = 1e6
_ROUNDING = 1e-12  # of the division by the threshold; less than a bit of 32
_GAP_SECONDS = 0.001  # that may lie between two stretches of a source whose format changes
_SILENCE = re.compile(r"silence_(start|end): (-?\d+(?:\.\d+)?)")
_LEVEL = re.compile(r"(?:Min|Max) level: (-?\d+\.\d+)")
_COUNT = re.compile(r"Abs Peak count: (\d+)")


def measurements(encodings: Sequence[Encoding], audio: SourceAudio) -> list[Analysis]:
    """What has to be measured for the reports among the outputs of a source."""
    return [
        analysis
        for number, encoding in enumerate(encodings)
        if encoding.format is AudioFormat.REPORT
        for analysis in (loudness_analysis(encoding, number), _other_measurements(encoding, audio, number))
    ]


def _other_measurements(encoding: Encoding, audio: SourceAudio, number: int) -> Analysis:
    """The measurements of silences and clipping.

    They are apart from that of the loudness, whose filter loses samples where the source's format changes.
    """
    layout = target_layout(audio, encoding)
    threshold = (audio.clips_at or full_scale(audio.codec, audio.bits_per_sample or LOSSY_BITS)) - _ROUNDING
    return Analysis(
        encoding,
        (
            f"aresample={encoding.sample_rate_hz}",
            "aformat=sample_fmts=dbl" + ("" if layout is None else f":channel_layouts={layout}"),
            f"{_SILENCES.format(number=number)}=noise={SILENCE_DBFS}dB:duration={SHORTEST_SILENCE_SECONDS}",
            _COUNTED.format(threshold=threshold, gain=_PLACES / threshold, name=_CLIPPED.format(number=number)),
        ),
    )


async def loudness_of_reports(encodings: Sequence[Encoding], log: Log, analyse: Analyse) -> dict[int, Loudness]:
    """By the number of the output; `log` has what was measured. Raises what `analyse` raises."""
    reports = [(number, each) for number, each in enumerate(encodings) if each.format is AudioFormat.REPORT]
    return await within_scale({number: (each, read_loudness(log, number)) for number, each in reports}, analyse)


def with_reports(
    outputs: Sequence[tuple[Encoding, Path]],
    audio: SourceAudio,
    log: Log,
    loudness: Mapping[int, Loudness],
    lengths: Sequence[float],
    source_seconds: float,
) -> list[tuple[Encoding, Path]]:
    """The outputs of a source, with what was measured for those that are reports. `lengths` are in seconds.

    Raises ConverterCrashedError where something was not measured.
    """
    source = replace(audio.format, duration_seconds=round(source_seconds, 3))
    tags = metadata_of(audio).tags

    def with_report(encoding: Encoding, number: int, seconds: float) -> Encoding:
        if encoding.format is not AudioFormat.REPORT:
            return encoding
        silences = _silences(log.said.get(_SILENCES.format(number=number), ()), seconds)
        report = Report(
            source,
            tags,
            loudness[number],
            _clipped_samples(log.said.get(_CLIPPED.format(number=number), ())),
            joined_silences(silences, seconds, gap_seconds=_GAP_SECONDS if audio.changes_format else 0.0),
        )
        return replace(encoding, report=report)

    return [
        (with_report(encoding, number, seconds), path)
        for number, ((encoding, path), seconds) in enumerate(zip(outputs, lengths, strict=True))
    ]


def to_report(path: Path, report: Report, seconds: float) -> Artifact:
    """Write the report to the file at `path`. Blocks on disk I/O. Raises WorkspaceFullError."""
    try:
        size_bytes = path.write_bytes(report.to_json())
    except OSError as exc:
        if exc.errno in NO_SPACE:
            raise LocalVolume().full_error(path.parent) from exc
        raise
    return Artifact(path, seconds, 0, size_bytes)


def _silences(lines: Sequence[str], seconds: float) -> Iterator[Silence]:
    """The silences that are listed. One without an end lasts to the end of the sound, unless the list is full."""
    begin: float | None = None
    for line in lines:
        if match := _SILENCE.match(line):
            if match[1] == "start":
                begin = float(match[2])
            elif begin is not None:
                yield begin, float(match[2])
                begin = None
    if begin is not None and len(lines) < MAX_LISTED_LINES:
        yield begin, seconds


def _clipped_samples(lines: Iterable[str]) -> int:
    """How many samples are clipped, in all channels, and in all stretches of a source whose format changes."""
    clipped, counts, highest = 0, 0, 0.0
    for line in lines:
        if level := _LEVEL.match(line):
            highest = max(highest, abs(float(level[1])))
        elif count := _COUNT.match(line):
            clipped += int(count[1]) if highest >= _PLACES else 0
            counts, highest = counts + 1, 0.0
    if not counts:
        raise ConverterCrashedError("the converter ended without the clipped samples")
    return clipped
