"""Reports by the real converter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.conversions import an_output, converted
from worker.domain.audio import AudioFormat
from worker.domain.job import OutputSpec


def a_report(**options: Any) -> OutputSpec:
    return an_output(AudioFormat.REPORT, **options)


async def report_on(source: Path, directory: Path, *others: OutputSpec, **options: Any) -> dict[str, Any]:
    """The JSON of a report on the source with these options, beside the other outputs."""
    artifacts = await converted(source, directory, *others, a_report(**options))
    found: dict[str, Any] = json.loads(artifacts[-1].path.read_bytes())
    return found
