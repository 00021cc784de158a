"""The outputs that a job has published, to be taken back."""

from __future__ import annotations

from worker.domain.errors import JobError
from worker.domain.job import Job
from worker.events import Event, emit
from worker.ports import ObjectStore


class PublishedOutputs:
    """Deletes what jobs have published."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def retract(self, job: Job) -> None:
        """Delete the outputs that this job has published. What cannot be deleted is a line in the log."""
        for output in job.outputs:
            try:
                await self._objects.remove(output.target, job.job_id)
            except JobError as error:
                emit(Event.OUTPUT_REMOVE_FAILED, target=str(output.target), error=str(error))
