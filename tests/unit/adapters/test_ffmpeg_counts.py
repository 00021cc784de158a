"""The counts that a run of ffmpeg prints: of samples, frames, errors, and silence in the place of pauses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.ffmpeg_log import DEMUXER, FILTER, MUXER, RESET, VERBOSE, log_of, said
from worker.adapters.ffmpeg.counts import Counts, read_counts
from worker.adapters.ffmpeg.log import Log
from worker.domain.containers.structure import Structure
from worker.ports import SourceAudio

AUDIO = SourceAudio("wav", "pcm_s16le", 44100, 2, 16, None, 1000, Structure(44, 1000))


GRAPH = said(FILTER, "graph_0_in_0:0", VERBOSE, "tb:1/44100 samplefmt:fltp samplerate:44100 chlayout:stereo")


SUMMARY = "".join(
    (
        GRAPH,
        said(
            MUXER, "out#0/mp3", VERBOSE, "  Output stream #0:0 (audio): 96 frames encoded (55125 samples); 98 packets"
        ),
        said(MUXER, "out#1/ogg", VERBOSE, "  Output stream #1:0 (audio): 172 frames encoded (110250 samples); 110"),
        said(
            DEMUXER,
            "in#0/wav",
            VERBOSE,
            f"  Input stream #0:0 (audio): {RESET}\x1b[0;32m27 packets read (441000 bytes); {RESET}\x1b[0;32m"
            f"27 frames decoded; 2 decode errors{RESET}\x1b[0;32m (110250 samples){RESET}; ",
        ),
    )
)


def test_counts_are_exact() -> None:
    log = log_of(SUMMARY)

    assert read_counts(log, 2, AUDIO) == Counts(441000, 27, 110250, 2, 2.5, 2.5, 0, 0.0, (55125, 110250), 27)
    assert read_counts(log, 3, AUDIO) == Counts(441000, 27, 110250, 2, 2.5, 2.5, 0, 0.0, (55125, 110250, None), 27)
    assert read_counts(Log(), 1, AUDIO) is None


_HUGE = "9" * 400  # more than a float takes


@pytest.mark.parametrize(
    ("number", "forged"),
    [
        ("110250 samples", f"{_HUGE} samples"),
        ("samplerate:44100", "samplerate:0"),
        ("#0:0 (audio): 96", f"#{_HUGE}:0 (audio): 96"),
    ],
)
def test_numbers_that_ffmpeg_cannot_have_printed_count_for_nothing(number: str, forged: str) -> None:
    assert number in SUMMARY
    log = log_of(SUMMARY, SUMMARY.replace(number, forged))

    assert read_counts(log, 2, AUDIO) is not None
    assert max(log.encoded, default=0) < 10


def test_a_pause_without_end_counts_for_nothing() -> None:
    assert log_of(said(FILTER, "Parsed_asetpts_0", VERBOSE, f"{_HUGE}.5")).left_out_seconds == 0.0


def test_a_run_without_a_graph_has_no_changes() -> None:
    counts = read_counts(log_of(SUMMARY.replace(GRAPH, "")), 1, replace(AUDIO, sample_rate_hz=22050))

    assert counts is not None
    assert (counts.shortest_seconds, counts.longest_seconds, counts.changes) == (5.0, 5.0, 0)


def test_the_longest_of_the_pauses_that_are_left_out_is_kept() -> None:
    pauses = [said(FILTER, "Parsed_asetpts_0", VERBOSE, f"{seconds}") for seconds in ("301.5", "400.25", "310.0")]

    assert log_of(*pauses).left_out_seconds == 400.25
    assert Log().left_out_seconds == 0.0


def test_silence_in_the_place_of_pauses_is_counted_by_the_rate_of_the_source() -> None:
    filled = said(FILTER, "Parsed_aresample_1", VERBOSE, "adding 4410 audio samples of silence")

    counts = read_counts(log_of(SUMMARY, filled, filled), 2, AUDIO)

    assert counts is not None
    assert counts.filled_seconds == pytest.approx(0.2)


def test_much_silence_in_one_place_is_said_in_several_lines() -> None:
    filled = [
        said(FILTER, "Parsed_aresample_1", VERBOSE, f"adding {samples} audio samples of silence")
        for samples in (16_384, 16_384, 16_383, 9)
    ]

    counts = read_counts(log_of(SUMMARY, *filled), 2, AUDIO)

    assert counts is not None
    assert counts.filled_places == 2


def test_lost_frames_are_those_that_were_counted() -> None:
    assert log_of(SUMMARY).has_lost_frames
    assert not log_of(SUMMARY.replace("2 decode errors", "0 decode errors")).has_lost_frames
    assert not Log().has_lost_frames


def test_each_format_of_the_source_is_a_graph() -> None:
    counts = read_counts(log_of(GRAPH, GRAPH.replace("samplerate:44100", "samplerate:88200"), SUMMARY), 1, AUDIO)

    assert counts is not None
    assert (counts.shortest_seconds, counts.longest_seconds, counts.changes) == (1.25, 2.5, 2)


def test_the_counts_of_all_inputs_are_added_up_and_their_lengths_by_the_rate_of_each() -> None:
    second = SUMMARY.replace("graph_0_in_0:0", "graph_0_in_1:0").replace("Input stream #0:0", "Input stream #1:0")
    log = log_of(SUMMARY, second.replace("samplerate:44100", "samplerate:88200"))

    assert read_counts(log, 2, AUDIO) == Counts(882000, 54, 220500, 4, 3.75, 3.75, 0, 0.0, (55125, 110250), 54)
