"""A worker that stands still over its last upload, while another one cancels the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from tests.support import streams
from tests.support.events import logged_events
from tests.support.harness import TARGET, Harness, a_body, a_harness
from tests.support.virtual_time import virtual_time
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.messages.message import parse_job
from worker.domain.job import ObjectLocation
from worker.domain.outcome import Cancelled, record_of
from worker.domain.progress import Status, Version
from worker.events import Event
from worker.ports import Artifact, Written


class Frozen(MemoryObjects):
    """What is uploaded to `late` arrives after another worker has cancelled the job and has taken all of it back."""

    def __init__(self, late: ObjectLocation, body: str) -> None:
        super().__init__("in-bucket", "out-bucket")
        self._late = late
        self._job = parse_job(body)
        self.harness: Harness | None = None

    async def upload(self, artifact: Artifact, target: ObjectLocation, **arguments: Any) -> str:
        if target == self._late:
            await self._cancelled()
        return await super().upload(artifact, target, **arguments)

    async def _cancelled(self) -> None:
        assert self.harness is not None
        seen = self.harness.record()
        final = record_of(Cancelled(), seen, Version(seen.version.fence + 1, 1), self.harness.now())
        assert isinstance(await self.harness.table.write_if_unchanged(final, seen.version), Written)
        await PublishedOutputs(self).retract(self._job, final.run, final.version)


@pytest.mark.parametrize(
    ("body", "late"), [(a_body(), TARGET), (streams.a_body(), streams.MASTER)], ids=["a file", "a stream"]
)
@virtual_time
async def test_what_arrives_after_another_worker_has_cancelled_the_job_is_taken_back(
    body: str, late: ObjectLocation, tmp_path: Path
) -> None:
    objects = Frozen(late, body)
    async with a_harness(tmp_path, objects=objects) as harness:
        objects.harness = harness

        with logged_events() as logged:
            await harness.handle(body)

        assert logged.one(Event.LEASE_LOST)
        assert harness.record().status is Status.CANCELLED
        assert streams.keys(harness) == []
