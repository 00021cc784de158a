"""How the outputs of a cancelled job are deleted, on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aioboto3
import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import artifact_of, store_at
from worker.domain.job import ObjectLocation


@pytest.fixture
def proxy(aws_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        yield proxy


async def test_an_object_is_deleted_only_as_it_was_when_it_was_looked_at(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    target = ObjectLocation(bucket, "target")
    proxy.refuse(calls_of("DeleteObject"), 412, "PreconditionFailed", times=1)

    async with store_at(aws_session, proxy.url) as store:
        await store.upload(
            artifact_of(tmp_path / "file", 1000), target, content_type="audio/wav", job_id="j", on_bytes=lambda _: None
        )
        await store.remove(target, "j")  # another object is there by now: that is no error
        await store.remove(target, "j")

    etags = [call.headers["if-match"] for call in proxy.seen("DeleteObject")]
    assert len(etags) == 2
    assert all(etag.startswith('"') for etag in etags)


@pytest.mark.parametrize(
    ("status", "code", "conditions"),
    [(501, "NotImplemented", [True, False]), (400, "NotImplemented", [True, False]), (404, "NoSuchKey", [True])],
)
async def test_a_store_without_conditional_deletes_deletes_and_an_object_that_is_gone_is_no_error(
    status: int,
    code: str,
    conditions: list[bool],
    proxy: FaultProxy,
    bucket: str,
    aws_session: aioboto3.Session,
    tmp_path: Path,
) -> None:
    target = ObjectLocation(bucket, "target")
    proxy.refuse(calls_of("DeleteObject"), status, code, times=1)

    async with store_at(aws_session, proxy.url) as store:
        await store.upload(
            artifact_of(tmp_path / "file", 1000), target, content_type="audio/wav", job_id="j", on_bytes=lambda _: None
        )
        await store.remove(target, "j")

    assert ["if-match" in call.headers for call in proxy.seen("DeleteObject")] == conditions
