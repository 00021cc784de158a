"""The outputs that a job has published, or has begun to upload, to be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from worker.domain.errors import JobError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.progress import Version
from worker.domain.stream_layout import claimed_by, directories_at
from worker.events import Event, emit
from worker.ports import ObjectStore


class PublishedOutputs:
    """Deletes what jobs have published, or have begun to publish. Raises nothing.

    A deletion that fails is logged. An unfinished upload that cannot be aborted is not: the bucket's lifecycle rule
    removes it.
    Of a stream the master playlist is deleted first: then nobody is led to segments that are not there.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def retract(self, job: Job, run: int, until: Version) -> None:
        """Delete the outputs that the job has published in that run or before, and drop what it has not finished.

        Those of a later run are left: a worker that stood still over the end of this one may get here after it.
        """
        await self.drop_unfinished(job)
        for output in job.outputs:
            with _logged(output.visible_at):
                await self._objects.remove(output.visible_at, job.job_id, run)
        await self.drop_hidden(job, until)

    async def drop_hidden(self, job: Job, until: Version) -> None:
        """Delete what nobody sees of streams: the directories of the job that no master playlist names.

        Only those of attempts that were claimed up to that version: a later one may be writing. That version has to
        stand in the job table, so that none of these attempts goes on.
        """
        for output in job.outputs:
            if output.is_stream:
                with _logged(output.visible_at):
                    await self._drop_directories(output, job.job_id, until)

    async def drop_unfinished(self, job: Job) -> None:
        """Drop the incomplete multipart uploads that a killed worker has left at the targets. Nobody sees them."""
        for output in job.outputs:
            await self._objects.drop_unfinished(output.visible_at)

    async def _drop_directories(self, output: OutputSpec, job_id: str, until: Version) -> None:
        """The master playlist is asked first: a directory that it names later is of a later attempt."""
        named = await self._objects.directory_named_at(output.visible_at)
        visible = None if named is None else f"{output.target.key}{named}"
        for directory in await self._objects.directories(directories_at(output.target, job_id)):
            claimed = claimed_by(directory.key)
            if claimed is not None and claimed <= until and directory.key != visible:
                await self._objects.remove_beneath(directory)


@contextmanager
def _logged(target: ObjectLocation) -> Iterator[None]:
    """Inside, what goes wrong is a line in the log."""
    try:
        yield
    except JobError as error:
        emit(Event.OUTPUT_REMOVE_FAILED, target=str(target), error=str(error))
