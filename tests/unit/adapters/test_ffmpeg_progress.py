"""How far ffmpeg says that it is, and whether it has come to the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ffmpeg_log import DEMUXER, ERROR, log_of, said
from worker.adapters.ffmpeg.failures import check_end
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.printed_progress import ProgressReader
from worker.domain.errors import ConverterCrashedError, UnsupportedAudioError


def test_progress_is_read_from_microseconds_and_never_falls() -> None:
    progress = ProgressReader()
    assert (progress.seconds_done, progress.has_ended) == (0.0, False)

    assert not progress.feed(b"out_time_us=N/A\nout_time_ms=N/A\nprogress=continue\n")
    assert not progress.feed(b"out_time_us=-9223372036854775807\nprogress=continue\nout_ti")
    assert progress.feed(b"me_us=1500000\nout_time_ms=1500000\nprogress=continue\n")
    assert not progress.feed(b"out_time_us=1400000\nprogress=continue\n")
    assert progress.seconds_done == 1.5
    assert not progress.has_ended
    assert not progress.feed(b"frame=99999999\ntotal_size=99999999\n")
    progress.feed(b"progress=end\n")
    assert progress.has_ended


def test_a_time_that_ffmpeg_does_not_know_is_none() -> None:
    """It was seen under load: the least number less a first time of 1.03 s. The source was refused as too long."""
    progress = ProgressReader()

    assert not progress.feed(b"out_time_us=9223372036853742308\nprogress=continue\n")
    assert not progress.feed(b"out_time_us=4611686018427387904\n")
    assert progress.feed(b"out_time_us=4611686018427387903\n")


@given(st.lists(st.binary(max_size=40)))
def test_progress_and_log_take_any_bytes(chunks: list[bytes]) -> None:
    progress, log = ProgressReader(), Log()
    for chunk in chunks:
        progress.feed(chunk)
        log.feed(chunk)
    assert progress.seconds_done >= 0


def test_of_progress_without_end_nothing_is_kept() -> None:
    progress = ProgressReader()
    for _ in range(100):
        progress.feed(b"out_time_us=" + b"9" * 60_000)
    assert len(progress._rest) < 1000

    assert not progress.feed(b"\nout_time_us=" + b"9" * 60_000 + b"\n")
    assert progress.feed(b"out_time_us=1500000\n")


def test_a_converter_ends_well_where_it_says_so_and_no_part_of_the_file_is_unread() -> None:
    ended, unfinished = ProgressReader(), ProgressReader()
    ended.feed(b"out_time_us=1000000\nprogress=end\n")
    unread = log_of(said(DEMUXER, "in#0/matroska,webm", ERROR, "Element at 0x8db8 exceeds containing master element"))

    check_end(0, ended, Log())
    with pytest.raises(ConverterCrashedError, match="before the end"):
        check_end(0, unfinished, Log())
    with pytest.raises(UnsupportedAudioError, match="cannot be read"):
        check_end(0, ended, unread)
