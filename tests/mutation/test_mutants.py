"""Every mutation of every container once: what is completed has all the sound, and the rest is refused rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.judge import is_excused
from tests.mutation.mutations import MUTATIONS
from tests.mutation.run import Bench, trials
from tests.mutation.sources import SOURCES, whole
from tests.mutation.trial import convert


@pytest.mark.parametrize("source", SOURCES)
async def test_no_mutant_loses_sound_without_saying_so_or_is_refused_wrongly(source: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, with_others=False)

    found = [finding for trial in trials(0, len(MUTATIONS), [source]) for finding in await bench.findings(trial)]

    assert [str(finding) for finding in found if not is_excused(finding)] == []
    assert bench.ends.total() == len(MUTATIONS)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_that_is_cut_amid_a_piece_is_refused(source: str, tmp_path: Path) -> None:
    content = whole(source)

    for part in (0.3, 0.5, 0.7, 0.9, 0.99):
        path = tmp_path / source
        path.write_bytes(content[: int(len(content) * part) + 3])
        assert (await convert(path)).error is not None, part
