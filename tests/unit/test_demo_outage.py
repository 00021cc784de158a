"""What the demo says about the outage that it makes."""

from __future__ import annotations

from io import StringIO
from typing import Any, cast

from rich.console import Console

from tests.support.records import a_record
from tests.support.virtual_time import virtual_time
from worker.demo.outage import Overall, StagedOutage
from worker.demo.process import WorkerProcess
from worker.demo.screen import Lines
from worker.demo.servers import Server
from worker.events import CATALOGUE, Event

_TIME = "2026-11-22T20:01:02.123Z"


class _Redis:
    def kill(self) -> None: ...
    def start(self) -> None: ...


class _Worker:
    """Has logged one line of each event, whose value of each field is the field's name."""

    def find(self, event: str, **_fields: Any) -> dict[str, Any]:
        fields = CATALOGUE[Event(event)].fields
        return {"timestamp": _TIME} | {name: 0.025 if name.endswith("_seconds") else f"<{name}>" for name in fields}

    async def wait_for(self, event: str) -> dict[str, Any]:
        return self.find(event)


@virtual_time
async def test_the_report_of_the_failover_has_the_time_and_the_reason_of_the_workers_log_line() -> None:
    overall, console = Overall(jobs=1), Console(width=400, record=True, file=StringIO())
    overall.update(a_record(percent=50.0))
    outage = StagedOutage(cast("Server", _Redis()), cast("WorkerProcess", _Worker()), Lines(console), overall)

    await outage.run(kill_at_percent=10, restart_at_percent=20)

    assert "lost 25.0 ms to Redis (<error>), then went to DynamoDB" in console.export_text()
