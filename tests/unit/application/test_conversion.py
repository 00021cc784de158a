"""What a conversion says of its source, and how large its outputs may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.converter import FakeConverter
from tests.support.harness import a_body, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from worker.application.jobs.conversion import ConversionLimits
from worker.domain.disposition import Ack, Reject
from worker.ports import Converted


class _Measuring(FakeConverter):
    """Finds a length with more places than a record has."""

    async def convert(self, *arguments: Any, **more: Any) -> Converted:
        return replace(await super().convert(*arguments, **more), source_seconds=1.23456)


@virtual_time
async def test_the_length_that_the_converter_finds_is_in_the_record_in_milliseconds(tmp_path: Path) -> None:
    async with a_harness(tmp_path, converter=_Measuring()) as harness:
        assert await harness.handle() == Ack()

        assert harness.record().source_audio.duration_seconds == 1.235  # type: ignore[union-attr]


@virtual_time
async def test_outputs_may_be_as_large_as_their_limit_and_not_larger(tmp_path: Path) -> None:
    size = len(silence(1))
    for limit, disposition in ((size, Ack), (size - 1, Reject)):
        root = tmp_path / str(limit)
        root.mkdir()
        async with a_harness(root, output_limit_bytes=limit) as harness:
            assert isinstance(await harness.handle(a_body()), disposition)


def test_the_sizes_are_those_that_the_documents_name() -> None:
    limits = ConversionLimits(1, 1.0)

    assert (limits.early_bytes, limits.window_bytes) == (16 << 20, 16 << 20)
    assert limits.output_bytes == 20 << 30
