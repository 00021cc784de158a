"""A source is converted by its own headers, and probed where the converter does not confirm them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.harness import SOURCE, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from worker.domain.disposition import Ack, Reject
from worker.domain.progress import Status

# A second has 16 kB, as in the sources of the harness.
WAV = json.dumps(
    {"job_id": "ep-1", "source": str(SOURCE), "outputs": [{"target": "s3://out-bucket/ep-1.wav", "format": "wav"}]}
)


@virtual_time
async def test_a_source_that_is_predicted_rightly_is_not_probed(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        assert await harness.handle() == Ack()

        assert (harness.converter.probes, harness.converter.conversions) == (0, 1)


@virtual_time
async def test_a_source_that_is_predicted_wrongly_is_probed_and_converted(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.prediction_error_seconds = 5.0

        assert await harness.handle() == Ack()

        assert (harness.converter.probes, harness.converter.conversions) == (1, 2)
        assert harness.record().status is Status.COMPLETED


@virtual_time
async def test_no_source_is_too_long_by_a_prediction_alone(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.converter.prediction_error_seconds = 3600.0  # the limit of the harness

        assert await harness.handle() == Ack()

        assert (harness.converter.probes, harness.converter.conversions) == (1, 1)


@virtual_time
async def test_no_output_is_too_large_by_a_prediction_alone(tmp_path: Path) -> None:
    async with a_harness(tmp_path, output_limit_bytes=400_000) as harness:
        harness.converter.prediction_error_seconds = 600.0

        assert await harness.handle(WAV) == Ack()

        assert (harness.converter.probes, harness.converter.conversions) == (1, 1)


@virtual_time
async def test_a_source_whose_outputs_are_too_large_is_refused_by_a_probe(tmp_path: Path) -> None:
    async with a_harness(tmp_path, output_limit_bytes=10_000) as harness:
        harness.objects.put(SOURCE, silence(20))

        disposition = await harness.handle(WAV)

        assert isinstance(disposition, Reject)
        assert (harness.converter.probes, harness.converter.conversions) == (1, 0)
        assert harness.record().error.code == "source_too_large"  # type: ignore[union-attr]
