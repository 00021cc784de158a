"""Crossfades take time of their own: it is bounded, and seen as progress."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from tests.support.joins import joined
from tests.support.samples import a_wav, tones
from worker.adapters.ffmpeg.crossfading import Overlap
from worker.domain.errors import InvalidMessageError
from worker.domain.joining import Crossfade, SampleForm
from worker.ports import ConversionProgress


class WatchedProgress(ConversionProgress):
    """Keeps each position that it is given."""

    def __init__(self) -> None:
        self.positions: list[float] = []
        super().__init__()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "seconds_done":
            self.positions.append(self.seconds_done)


def test_mixing_shows_how_much_of_the_crossfade_is_done(tmp_path: Path) -> None:
    samples, progress = tmp_path / "samples", WatchedProgress()
    samples.write_bytes(array("f", [0.5] * 96_000).tobytes())
    overlap = Overlap(samples, SampleForm(48_000, 1, "mono"), Crossfade(96_000))
    overlap.keep()

    overlap.mix_in(0, progress)

    assert len(progress.positions) > 10
    assert progress.positions == sorted(set(progress.positions))
    assert progress.positions[-1] == 2.0


async def test_progress_goes_on_while_a_crossfade_is_mixed_and_ends_with_it(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440], seconds=3), 1)
    progress = WatchedProgress()

    await joined([source, source], tmp_path / "joined", crossfade_seconds=2.5, progress=progress)

    assert progress.positions == sorted(progress.positions)
    mixing = {seconds for seconds in progress.positions if 5.41 < seconds < 5.99}  # decoding ends at 3 + 0.8 * 3
    assert len(mixing) > 5
    assert progress.positions[-1] == pytest.approx(6.0)


async def test_a_crossfade_that_would_take_too_long_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440] * 16, seconds=0.1), 16)

    with pytest.raises(InvalidMessageError, match=r"^crossfade_seconds: is at most 120 for sources of 48000 Hz"):
        await joined([source, source], tmp_path / "joined", crossfade_seconds=121)

    assert not (tmp_path / "joined").exists()
