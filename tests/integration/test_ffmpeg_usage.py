"""What the converter's processes use is counted, for the job and for the worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted
from tests.support.samples import a_wav, tones
from worker import metrics, usage
from worker.domain.audio import AudioFormat


def total() -> float:
    return metrics.REGISTRY.get_sample_value("worker_converter_cpu_seconds_total") or 0.0


async def test_all_cpu_time_of_a_conversion_is_counted_for_its_job_and_for_the_worker(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440], seconds=2), 1)
    before = total()

    with usage.of_job() as used:
        await converted(source, tmp_path, an_output(AudioFormat.MP3))

    assert used.cpu_seconds > 0
    assert total() - before == pytest.approx(used.cpu_seconds)
    assert used.converter_peak_bytes > 1_000_000
