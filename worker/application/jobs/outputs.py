"""The outputs that a job has published, or has begun to upload, to be taken back."""

from __future__ import annotations

from worker.domain.errors import JobError
from worker.domain.job import Job
from worker.events import Event, emit
from worker.ports import ObjectStore


class PublishedOutputs:
    """Deletes what jobs have published."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def retract(self, job: Job, run: int) -> None:
        """Delete the outputs that the job has published in that run or before. What cannot be is a line in the log.

        Those of a later run are left: a worker that stood still over the end of this one may get here after it.
        """
        await self.drop_unfinished(job)
        for output in job.outputs:
            try:
                await self._objects.remove(output.target, job.job_id, run)
            except JobError as error:
                emit(Event.OUTPUT_REMOVE_FAILED, target=str(output.target), error=str(error))

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the halves of uploads that a killed worker has left at the targets, where nobody sees them."""
        for output in job.outputs:
            await self._objects.drop_unfinished(output.target)
