"""The outputs that a job has published, or has begun to upload, to be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from worker.domain.errors import JobError
from worker.domain.hls import directory_of
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.progress import FIRST_RUN
from worker.events import Event, emit
from worker.ports import ObjectStore


class PublishedOutputs:
    """Deletes what jobs have published, or have not finished to publish.

    Of a stream the master playlist is deleted first: then nobody is led to segments that are not there.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def retract(self, job: Job, run: int) -> None:
        """Delete the outputs that the job has published in that run or before. What cannot be is a line in the log.

        Those of a later run are left: a worker that stood still over the end of this one may get here after it.
        """
        await self.drop_unfinished(job)
        for output in job.outputs:
            with _logged(output.visible_at):
                await self._objects.remove(output.visible_at, job.job_id, run)
                await self._remove_hidden(job, output, run)

    async def drop_unpublished(self, job: Job, run: int) -> None:
        """Delete what a worker has left of outputs that it has not finished in that run or before."""
        await self.drop_unfinished(job)
        for output in job.outputs:
            with _logged(output.visible_at):
                if output.is_stream and not await self._objects.was_left_by(output.visible_at, job.job_id, run):
                    await self._remove_hidden(job, output, run)

    async def drop_replaced(self, job: Job, run: int) -> None:
        """Delete what earlier runs have left beneath outputs that are published in this one."""
        for output in job.outputs:
            with _logged(output.visible_at):
                await self._remove_hidden(job, output, run - 1)

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the halves of uploads that a killed worker has left at the targets, where nobody sees them."""
        for output in job.outputs:
            await self._objects.drop_unfinished(output.visible_at)

    async def _remove_hidden(self, job: Job, output: OutputSpec, run: int) -> None:
        if output.is_stream:
            for each in range(FIRST_RUN, run + 1):
                await self._objects.remove_beneath(directory_of(output.target, job.job_id, each))


@contextmanager
def _logged(target: ObjectLocation) -> Iterator[None]:
    """Inside, what goes wrong is a line in the log."""
    try:
        yield
    except JobError as error:
        emit(Event.OUTPUT_REMOVE_FAILED, target=str(target), error=str(error))
