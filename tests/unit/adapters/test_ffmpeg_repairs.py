"""What is said of sound that is lost and not refused: whether silence is in its place, and how much is missing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from worker.adapters.ffmpeg.counts import Counts
from worker.adapters.ffmpeg.verdict import Verdict, check_counts
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.errors import UnsupportedAudioError
from worker.ports import SourceAudio

RATE = 48_000
LOSSY = SourceAudio("mov", "aac", RATE, 2, 16, 10.0, 2_000_000, Structure(44, 2_000_000))
WAV = Encoding(AudioFormat.WAV, RATE, 2, 16, None)


def judged(counts: Counts, audio: SourceAudio) -> Verdict:
    return check_counts(counts, audio, [WAV], max_duration_seconds=60)


def of_seconds(decoded: float, encoded: float, *, frames: int = 500, errors: int = 0, filled: float = 0.0) -> Counts:
    return Counts(
        read_bytes=1_900_000,
        decoded_frames=frames,
        decoded_samples=round(decoded * RATE),
        decode_errors=errors,
        shortest_seconds=decoded,
        longest_seconds=decoded,
        changes=0,
        left_out_seconds=0.0,
        encoded_samples=(round(encoded * RATE),),
        filled_seconds=filled,
    )


@pytest.mark.parametrize(
    ("container", "seconds", "sentences"),
    [
        ("mov", 9.91, ()),
        ("mov", 9.89, ("of 10.00 s that the source states, 9.89 s could be decoded",)),
        ("avi", 9.89, ("of 10.00 s that the source states, 9.89 s could be decoded",)),
        ("matroska", 9.5, ()),
    ],
)
def test_what_an_output_lacks_of_a_stated_length_that_is_exact_is_said(
    container: str, seconds: float, sentences: tuple[str, ...]
) -> None:
    assert judged(of_seconds(seconds, seconds), replace(LOSSY, container=container)).repaired == sentences


@pytest.mark.parametrize(
    ("stated", "decoded", "heard", "in_its_place"),
    [
        (10.0, 9.8, 10.0, "silence took its place"),
        (10.0, 9.8, 9.992, "silence took its place"),
        (None, 9.8, 10.0, "silence took its place"),
        (None, 9.8, 9.992, "silence took its place"),
        (None, 9.8, 9.986, "silence took the place of 0.19 s; the rest is missing at the start or at the end"),
        (None, 9.8, 9.9, "silence took the place of 0.10 s; the rest is missing at the start or at the end"),
        (None, 9.8, 9.8, "silence took the place of 0.00 s; the rest is missing at the start or at the end"),
    ],
)
def test_silence_is_said_to_be_in_the_place_of_lost_frames_only_where_it_is(
    stated: float | None, decoded: float, heard: float, in_its_place: str
) -> None:
    audio = replace(LOSSY, duration_seconds=stated)
    counts = of_seconds(decoded, heard, frames=490, errors=10)

    assert judged(counts, audio).repaired[0].rpartition("); ")[2] == in_its_place


def test_a_late_start_is_none_of_the_silence_in_the_place_of_lost_frames() -> None:
    audio = replace(LOSSY, duration_seconds=None, starts_at_seconds=0.5)

    repaired = judged(of_seconds(9.8, 10.4, frames=490, errors=10), audio).repaired

    assert "silence took the place of 0.10 s" in repaired[0]


def test_silence_at_the_end_makes_up_for_no_more_than_pauses_and_lost_frames() -> None:
    audio = replace(LOSSY, loses_frames=True)

    assert judged(of_seconds(9.0, 10.0, frames=450, errors=10, filled=0.56), audio).lengths == [10.0]
    with pytest.raises(UnsupportedAudioError, match=r"cut off or damaged: of 10\.00 s, 9\.74 s"):
        judged(of_seconds(9.0, 10.0, frames=450, errors=10, filled=0.54), audio)


@pytest.mark.parametrize("codec", ["amr_nb", "amr_wb"])
@pytest.mark.parametrize(
    ("packets", "frames", "is_damaged"),
    [
        *((100, 100, False), (100, 101, True), (100, 132, True), (100, 99, False), (1, 1, False)),
        *((100, 198, True), (100, 199, False), (100, 200, False), (100, 500, False), (100, 495, True), (1, 3, False)),
    ],
)
def test_packets_of_amr_have_as_many_frames_as_each_other(
    codec: str, packets: int, frames: int, *, is_damaged: bool
) -> None:
    audio = replace(LOSSY, codec=codec, duration_seconds=None)
    counts = replace(of_seconds(10.0, 10.0, frames=frames), read_packets=packets)

    with pytest.raises(UnsupportedAudioError, match="more frames") if is_damaged else nullcontext():
        judged(counts, audio)


def test_packets_of_other_codecs_may_have_any_number_of_frames() -> None:
    assert judged(replace(of_seconds(10.0, 10.0, frames=101), read_packets=100), LOSSY).repaired == ()


@pytest.mark.parametrize(
    ("container", "sentences"),
    [
        (
            "mov",
            ("50 frames of AAC lack a channel that the source states; the decoder played old sound in its place",),
        ),
        ("aac", ()),  # its frames say that the channels change
    ],
)
def test_frames_that_lack_a_channel_are_said_where_no_header_says_that_channels_change(
    container: str, sentences: tuple[str, ...]
) -> None:
    counts = replace(of_seconds(10.0, 10.0), frames_without_channel=50)
    assert judged(counts, replace(LOSSY, container=container)).repaired == sentences


def test_more_than_a_tenth_of_the_frames_without_a_channel_are_refused() -> None:
    with pytest.raises(UnsupportedAudioError, match="changes its channels"):
        judged(replace(of_seconds(10.0, 10.0), frames_without_channel=51), LOSSY)


def test_frames_without_a_channel_are_no_damage_where_each_says_how_many_it_has() -> None:
    counts = replace(of_seconds(10.0, 10.0), frames_without_channel=400)

    assert judged(counts, replace(LOSSY, container="aac")).repaired == ()
