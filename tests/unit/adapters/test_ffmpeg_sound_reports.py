"""What the filters say of a sound is read whole, within bounds, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ffmpeg_log import DEMUXER, ERROR, FILTER, RESET, said
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.measuring import read_loudness
from worker.adapters.ffmpeg.sound_reports import with_reports
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError
from worker.domain.loudness import Loudness
from worker.domain.report import MAX_SILENCES, Report
from worker.ports import SourceAudio

_AUDIO = SourceAudio("wav", "pcm_s16le", 48_000, 2, 16, None, 1000, Structure(44, 1000))
_LOUDNESS = (
    "Summary:\n\n  Integrated loudness:\n    I:         -16.0 LUFS\n    Threshold: -26.4 LUFS\n"
    "\n  Loudness range:\n    LRA:         3.0 LU\n    Threshold: -36.4 LUFS\n"
    "    LRA low:   -18.2 LUFS\n    LRA high:  -15.2 LUFS\n\n  True peak:\n    Peak:       -1.0 dBFS"
)


def line(name: str, text: str) -> str:
    """Of a filter with a name of its own; at the level of information a text has no colour."""
    return f"{RESET}\x1b[{FILTER}m[{name} @ 0x7f1c0] {RESET}{text}\n"


def channel(number: int, low: float, high: float, count: int, *, output: int = 0) -> str:
    texts = (f"Channel: {number}", f"Min level: {low:.6f}", f"Max level: {high:.6f}", f"Abs Peak count: {count}")
    return "".join(line(f"astats@clipped{output}", text) for text in texts)


def silence(begin: float, end: float) -> str:
    return line("silencedetect@silences0", f"silence_start: {begin}") + line(
        "silencedetect@silences0", f"silence_end: {end} | silence_duration: {end - begin}"
    )


def report_of(*parts: str, seconds: float = 10.0) -> Report:
    log = Log()
    for part in parts:
        log.feed(part.encode())
    outputs = [(Encoding(AudioFormat.REPORT, 48_000, 2, 16, None), Path("report"))]
    loudness = {0: read_loudness(log, 0)}
    ((encoding, _),) = with_reports(outputs, _AUDIO, log, loudness, [seconds], seconds)
    assert encoding.report is not None
    return encoding.report


def test_the_clipped_samples_of_all_channels_and_stretches_are_added() -> None:
    channels = channel(1, -1e6, 1e6, 5), channel(2, -1e6, 999_999.999999, 7), channel(1, -5.0, 1e6, 11)

    assert report_of(line("ebur128@loudness0", _LOUDNESS), *channels).clipped_samples == 23


def test_the_highest_of_a_sound_that_is_below_full_scale_is_not_clipped() -> None:
    channels = channel(1, -999_999.999534, 999_999.999534, 5), channel(2, -1e6, 0.0, 7)

    assert report_of(line("ebur128@loudness0", _LOUDNESS), *channels).clipped_samples == 7


def test_a_silence_without_an_end_lasts_to_the_end_of_the_sound() -> None:
    begin = line("silencedetect@silences0", "silence_start: 7.25")

    report = report_of(
        line("ebur128@loudness0", _LOUDNESS), channel(1, 0, 0, 9), silence(-0.00002, 1.5), begin, seconds=9.5
    )

    assert report.silences == [(0.0, 1.5), (7.25, 9.5)]


def test_the_words_of_other_outputs_and_of_ffmpeg_are_not_taken() -> None:
    report = report_of(
        line("ebur128@loudness0", _LOUDNESS),
        channel(1, 0, 1e6, 2),
        silence(1.0, 2.0),
        channel(1, 0, 1e6, 30, output=1),
        said(DEMUXER, "in#0/wav", ERROR, "silence_start: 3"),
        "  silence_start: 4\n",
    )

    assert (report.clipped_samples, report.silences) == (2, [(1.0, 2.0)])


@pytest.mark.parametrize(
    "words",
    [
        "    Peak:        9.0 dBFS: a tag\n",
        "    Peak:        9.0 dBFS\n",
        "  True peak:\n    Peak:        9.0 dBFS: a tag\n",
        "  True peak:\n      Peak:        9.0 dBFS\n",
        "  Integrated loudness:\n    Peak:        9.0 dBFS\n",
    ],
)
def test_words_behind_a_summary_that_are_no_part_of_one_are_not_measured(words: str) -> None:
    report = report_of(channel(1, 0, 1e6, 2), line("ebur128@loudness0", _LOUDNESS), words)

    assert report.loudness == Loudness(-16.0, 3.0, -1.0)


@pytest.mark.parametrize("words", [f"{RESET}\x1b[0;32mall done", "Output #1, mp3, to 'fd:':"])
def test_a_summary_is_read_whole_where_words_of_others_follow_on_its_last_line(words: str) -> None:
    report = report_of(channel(1, 0, 1e6, 2), line("ebur128@loudness0", _LOUDNESS + words))

    assert report.loudness == Loudness(-16.0, 3.0, -1.0)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_what_is_measured_of_samples_that_are_too_large_is_no_loudness(value: str) -> None:
    summary = _LOUDNESS.replace("-16.0", value).replace(" 3.0", f" {value}").replace("-1.0", value)

    assert report_of(line("ebur128@loudness0", summary), channel(1, 0, 1e6, 2)).loudness == Loudness(None, 0.0, None)


@pytest.mark.parametrize(
    "parts", [[line("ebur128@loudness0", _LOUDNESS)], [channel(1, 0, 1e6, 2)]], ids=["no count", "no loudness"]
)
def test_a_report_that_lacks_a_measurement_is_none(parts: list[str]) -> None:
    with pytest.raises(ConverterCrashedError):
        report_of(*parts)


def test_more_silences_than_are_listed_take_no_memory_and_do_not_end_the_conversion() -> None:
    log, block = Log(max_bytes=100_000), "".join(silence(number, number + 0.5) for number in range(100)).encode()

    for _ in range(MAX_SILENCES // 50):
        log.feed(block)

    assert len(log.said["silencedetect@silences0"]) == 2 * MAX_SILENCES


def test_words_of_others_between_the_silences_take_no_place_among_them() -> None:
    log = Log()

    for number in range(MAX_SILENCES):
        log.feed(f"{silence(number, number + 0.5)}words without a colour\n".encode())

    lines = log.said["silencedetect@silences0"]
    assert len(lines) == 2 * MAX_SILENCES
    assert all(each.startswith("silence_") for each in lines)


def test_a_silence_whose_end_is_not_listed_does_not_last_to_the_end_of_the_sound() -> None:
    lost_end = line("silencedetect@silences0", "silence_end: 0.5 | silence_duration: 0.5")
    listed = "".join(silence(number, number + 0.5) for number in range(MAX_SILENCES))

    report = report_of(
        line("ebur128@loudness0", _LOUDNESS), channel(1, 0, 1e6, 2), lost_end, listed, seconds=MAX_SILENCES + 99.0
    )

    assert len(report.silences) == MAX_SILENCES - 1
    assert report.silences[-1] == (MAX_SILENCES - 2, MAX_SILENCES - 1.5)
