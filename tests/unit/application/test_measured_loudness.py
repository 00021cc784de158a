"""The loudness that a converter has measured stands in the record of the output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import a_harness
from tests.support.virtual_time import virtual_time
from worker.domain.loudness import OutputLoudness


@virtual_time
@pytest.mark.parametrize("loudness", [None, OutputLoudness(-20.5, -16.0, -1.3)])
async def test_what_was_measured_of_an_output_is_in_the_record_where_it_was_asked_for(
    loudness: OutputLoudness | None, tmp_path: Path
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.loudness = loudness

        await harness.handle()

        shown = harness.record().to_dict()["outputs"][0]
        assert shown.get("loudness") == (None if loudness is None else loudness.to_dict())
        assert ("loudness" in shown) is (loudness is not None)
