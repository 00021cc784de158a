"""S3 for the commands: sources that are uploaded, and outputs that the demo fetches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from worker.adapters.s3.source_upload import SourceUpload
from worker.adapters.s3.store import S3Store
from worker.bootstrap.parts import Clients, s3_limits, s3_options
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Files:
    """What reads and writes objects."""

    objects: S3Store
    sources: SourceUpload


@asynccontextmanager
async def open_files(settings: Settings) -> AsyncIterator[Files]:
    """Open connections to S3, which are closed after the `with`. Raises ConfigurationError."""
    async with AsyncExitStack() as stack:
        s3 = await Clients(settings, stack).open("s3", s3_limits(jobs=1))
        objects = S3Store(s3, s3_options(settings))
        yield Files(objects, SourceUpload(s3, objects))
