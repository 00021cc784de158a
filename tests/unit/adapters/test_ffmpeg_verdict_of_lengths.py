"""Samples without a clock that are read as others than they are show by their length: there are more than stated."""

from __future__ import annotations

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
PCM = SourceAudio("wav", "pcm_s16le", RATE, 2, 16, 10.0, 2_000_000, Structure(44, 2_000_000))
WAV = Encoding(AudioFormat.WAV, RATE, 2, 16, None)


def judged(seconds: float, audio: SourceAudio, *, changes: int = 0) -> Verdict:
    samples = round(seconds * RATE)
    counts = Counts(1000, 500, samples, 0, seconds, seconds, changes, 0.0, (samples,))
    return check_counts(counts, audio, [WAV], max_duration_seconds=60)


@pytest.mark.parametrize(
    ("audio", "longest"),
    [
        *((replace(PCM, container=each), 10.011) for each in ("wav", "w64", "aiff", "au", "caf", "flac", "s16le")),
        (replace(PCM, codec="pcm_alaw", bits_per_sample=8), 10.25),
        (replace(PCM, container="caf", codec="alac"), 10 + 4096 / RATE),
    ],
    ids=lambda value: f"{value.container}/{value.codec}" if isinstance(value, SourceAudio) else "",
)
def test_more_samples_than_are_stated_are_refused_where_none_can_be_added(audio: SourceAudio, longest: float) -> None:
    assert judged(longest - 0.001, audio).lengths == [pytest.approx(longest - 0.001, abs=0.0001)]

    with pytest.raises(UnsupportedAudioError, match=r"states 10\.00 s of sound, and 10\.\d\d s can be decoded"):
        judged(longest + 0.001, audio)


@pytest.mark.parametrize(
    "audio",
    [
        replace(PCM, duration_seconds=None),
        replace(PCM, codec="adpcm_ms", bits_per_sample=None),
        replace(PCM, container="mp4"),
        replace(PCM, container="matroska", codec="flac"),
    ],
    ids=["not stated", "compressed", "clock", "pauses"],
)
def test_a_length_that_is_not_exact_may_be_exceeded(audio: SourceAudio) -> None:
    assert judged(15.0, audio).source_seconds == 15.0


def test_a_rate_that_changes_makes_the_stated_length_another() -> None:
    assert judged(15.0, PCM, changes=1).source_seconds == 15.0
