"""Every mutation of every container, judged by what independent decoders can decode of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mutation.judge import is_excused
from tests.mutation.mutations import MUTATIONS
from tests.mutation.run import Bench, trials
from tests.mutation.sources import SOURCES

SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("source", SOURCES)
async def test_no_mutant_has_less_sound_than_others_hear(source: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, with_others=True)

    found = [finding for trial in trials(SEED, len(MUTATIONS), [source]) for finding in await bench.findings(trial)]

    assert [str(finding) for finding in found if not is_excused(finding)] == []
