"""Sources whose length is known: how much may be missing, and silence for frames that could not be decoded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.adapters.ffmpeg.counts import Counts
from worker.adapters.ffmpeg.filters import filter_graph
from worker.adapters.ffmpeg.verdict import check_counts
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.errors import UnsupportedAudioError
from worker.ports import SourceAudio

RATE = 48_000
COUNTED = ["mp3", "aac", "amr", "ac3", "eac3"]
MP3 = SourceAudio("mp3", "mp3", RATE, 2, 0, 10.0, 160_000, Structure(0, 160_000), loses_frames=True)
TO_WAV = Encoding(AudioFormat.WAV, RATE, 2, 16, None)
TO_WEBM = replace(TO_WAV, format=AudioFormat.WEBM)


def counts(seconds: float, *, frames: int, errors: int) -> Counts:
    """What ffmpeg counted of a source whose output has ten seconds."""
    return Counts(
        read_bytes=160_000,
        decoded_frames=frames,
        decoded_samples=round(seconds * RATE),
        decode_errors=errors,
        shortest_seconds=seconds,
        longest_seconds=seconds,
        changes=0,
        left_out_seconds=0.0,
        encoded_samples=(10 * RATE,),
    )


@pytest.mark.parametrize("container", COUNTED)
def test_silence_makes_up_only_for_frames_that_could_not_be_decoded(container: str) -> None:
    audio = replace(MP3, container=container)

    verdict = check_counts(counts(9.9, frames=99, errors=1), audio, [TO_WAV], max_duration_seconds=60)

    assert verdict.lengths == [10.0]
    assert verdict.repaired[0].startswith("0.10 s of sound could not be decoded")
    with pytest.raises(UnsupportedAudioError, match=r"cut off or damaged: of 10\.00 s, 9\.80 s"):
        check_counts(counts(9.7, frames=97, errors=1), audio, [TO_WAV], max_duration_seconds=60)


@pytest.mark.parametrize("container", [*COUNTED, "mov", "avi", "flv", "asf"])
def test_the_outputs_end_in_silence_where_frames_are_lost(container: str) -> None:
    audio = replace(MP3, container=container)

    assert ",apad=whole_dur=9.999000[o0]" in filter_graph(audio, [TO_WAV])[0]
    assert ",apad=whole_dur=9.999000,asplit=2" in filter_graph(audio, [TO_WAV, TO_WEBM])[0]


@pytest.mark.parametrize(
    "audio",
    [
        replace(MP3, loses_frames=False),
        replace(MP3, changes_format=True),
        replace(MP3, duration_seconds=None),
        replace(MP3, duration_seconds=0.001),
        replace(MP3, container="matroska"),
        replace(MP3, container="ogg"),
    ],
    ids=["no frame lost", "the format changes", "unknown length", "no length", "a clock", "a clock of pages"],
)
def test_no_silence_is_put_behind_the_sound_otherwise(audio: SourceAudio) -> None:
    assert "apad=whole_dur" not in filter_graph(audio, [TO_WAV])[0]


@pytest.mark.parametrize(
    ("codec", "lacking_seconds", "is_refused"),
    [
        ("alac", 4096 / RATE - 0.001, False),
        ("alac", 4096 / RATE + 0.001, True),
        ("pcm_s16be", 0.01, False),
        ("pcm_s16be", 0.012, True),
    ],
)
def test_the_table_of_a_caf_may_count_the_last_packet_of_alac_as_a_whole_one(
    codec: str, lacking_seconds: float, *, is_refused: bool
) -> None:
    source = SourceAudio("caf", codec, RATE, 2, 16, 10.0, 160_000, Structure(0, 160_000))
    seconds = 10 - lacking_seconds
    found = replace(counts(seconds, frames=118, errors=0), encoded_samples=(round(seconds * RATE),))

    if is_refused:
        with pytest.raises(UnsupportedAudioError, match="cut off or damaged"):
            check_counts(found, source, [TO_WAV], max_duration_seconds=60)
    else:
        assert check_counts(found, source, [TO_WAV], max_duration_seconds=60).repaired == ()
