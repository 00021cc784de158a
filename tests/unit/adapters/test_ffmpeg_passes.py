"""Each pass over the sound has its part of the whole progress."""

from __future__ import annotations

from dataclasses import replace

from worker.adapters.ffmpeg.passes import Passes
from worker.domain.containers.structure import Structure
from worker.ports import ConversionProgress, SourceAudio

_AUDIO = SourceAudio("wav", "pcm_s16le", 48_000, 2, 16, 10.0, 1000, Structure(44, 1000))


def test_the_only_pass_over_a_source_without_a_stated_length_shows_as_seconds_of_the_whole() -> None:
    whole = ConversionProgress()

    only = Passes(whole, _AUDIO).next(1.0, replace(_AUDIO, duration_seconds=None))
    only.seconds_done = 1.0  # of how many is not known
    only.bytes_read = 500

    assert whole.seconds_done == 5.0


def test_the_only_pass_over_the_source_itself_is_the_whole() -> None:
    whole = ConversionProgress()

    assert Passes(whole, _AUDIO).next(1.0) is whole
