"""The S3 adapter at an endpoint that the test provides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import s3_error
from tests.support.scripted_http import Handler
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.s3.store import S3Store
from worker.domain.backoff import Backoff
from worker.domain.job import ObjectLocation
from worker.ports import Artifact, SourceObject

MIB = 1 << 20
LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=1, connections=10)
ANYWHERE = ObjectLocation("bucket", "key")


def artifact_of(path: Path, size: int) -> Artifact:
    with path.open("wb") as file:
        file.truncate(size)
    return Artifact(path, 1.0, 0, size)


async def upload(store: S3Store, artifact: Artifact, target: ObjectLocation) -> None:
    await store.upload(artifact, target, content_type="audio/wav", on_bytes=lambda _: None)


async def download(store: S3Store, source: ObjectLocation, path: Path) -> SourceObject:
    return await store.download(source, path, limit_bytes=1 << 60, on_start=lambda _: None, on_bytes=lambda _: None)


@asynccontextmanager
async def store_at(
    session: aioboto3.Session, endpoint: str, body_seconds: float = 20, *, attempts: int = 1
) -> AsyncIterator[S3Store]:
    """A store whose client talks to `endpoint`, with short waits, and makes so many `attempts` at a call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        async with open_client(session, "s3", replace(LIMITS, attempts=attempts)) as client:
            yield S3Store(
                client, part_bytes=5 * MIB, body_seconds=body_seconds, resume_backoff=Backoff(0.001, 1, 0.001)
            )


def a_multipart_upload(
    *,
    on_abort: Callable[[], None],
    part_2: Callable[[], web.Response] | None = None,
    head: dict[str, str] | None = None,
) -> Handler:
    """Answers of S3 to one multipart upload, whose completion fails. HEAD answers with `head`, or 403 without it."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "POST" and "uploads" in request.query:
            body = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return web.Response(text=body, content_type="application/xml")
        if request.method == "PUT":
            if request.query["partNumber"] == "2" and part_2 is not None:
                return part_2()
            return web.Response(headers={"ETag": '"part"'})
        if request.method == "DELETE":
            on_abort()
            return web.Response(status=204)
        if request.method == "HEAD":
            return web.Response(headers=head) if head else web.Response(status=403)
        return s3_error(404, "NoSuchUpload")

    return answer
