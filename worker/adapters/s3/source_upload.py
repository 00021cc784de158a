"""Uploads a producer's local file as the source of a job, and overwrites nothing."""

from __future__ import annotations

import asyncio
import mimetypes
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from worker.adapters.s3.errors import head_errors, source_errors
from worker.adapters.s3.store import S3Store
from worker.domain.errors import AccessDeniedError
from worker.domain.job import ObjectLocation
from worker.ports import Artifact, ObjectExistsError

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


class SourceUpload:
    """Writes new objects through `store`; `client` reads what is known of one that is there."""

    def __init__(self, client: S3Client, store: S3Store) -> None:
        self._client = client
        self._store = store

    async def upload(self, path: Path, source: ObjectLocation) -> None:
        """Upload the file, with its digest as metadata and the content type that its name suggests.

        An object that has the file's digest is left as it is: an earlier try has put it there.
        Raises ObjectExistsError, TargetRefusedError, AccessDeniedError, DependencyUnavailableError, OSError.
        """
        artifact = Artifact(path, 0.0, 0, (await asyncio.to_thread(path.stat)).st_size)
        digest = await self._store.digest_of(artifact)
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        try:
            await self._store.send(
                artifact,
                source,
                {"ContentType": content_type, "Metadata": {"sha256": digest.sha256}},
                digest,
                lambda _: None,
                {"IfNoneMatch": "*"},
            )
        except ObjectExistsError:
            if await self._sha256_of(source) != digest.sha256:
                raise

    async def _sha256_of(self, location: ObjectLocation) -> str | None:
        """The digest that the object has as metadata. None where it has none, or the role may not read it."""
        with suppress(AccessDeniedError), source_errors(location), head_errors(location):
            found = await self._client.head_object(Bucket=location.bucket, Key=location.key)
            return found["Metadata"].get("sha256")
        return None
