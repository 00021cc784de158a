"""The table at the end of the demo."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from tests.support.records import a_record
from worker.demo.batch import entries_for_sounds, programme
from worker.demo.process import WorkerProcess
from worker.demo.summary import table_of
from worker.domain.loudness import OutputLoudness
from worker.domain.progress import OutputRecord, Status


class _Worker:
    """Each of its jobs took 10.1 s."""

    def find(self, _event: str, **_fields: Any) -> dict[str, Any]:
        return {"duration_seconds": 10.1}


def test_each_output_of_the_batch_has_one_line_of_80_columns(tmp_path: Path) -> None:
    files = [tmp_path / sound.name for sound in programme(short=False)]
    for file in files:
        file.write_bytes(bytes(481_100))
    entries = entries_for_sounds(files, short=False)
    loudness = OutputLoudness(-11.2, -16.0, -1.5)
    records = [
        a_record(
            job_id=entry.job.job_id,
            status=Status.COMPLETED,
            percent=100.0,
            stage=None,
            outputs=tuple(OutputRecord(str(o.target), 481_100, 420.0, loudness=loudness) for o in entry.job.outputs),
        )
        for entry in entries
    ]
    console = Console(width=80, record=True, file=StringIO())

    console.print(table_of(entries, records, cast("WorkerProcess", _Worker())))

    lines = console.export_text().splitlines()
    names = [Path(str(output.target)).name for entry in entries for output in entry.job.outputs]
    assert len(lines) == 2 + len(names)
    assert [name for name, line in zip(names, lines[2:], strict=True) if f" {name} " not in line] == []
