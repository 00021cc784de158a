"""How the outputs of a cancelled job are deleted, on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import artifact_of, store_at
from tests.support.scripted_http import scripted_http
from worker.domain.errors import AccessDeniedError
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


async def test_objects_beneath_a_prefix_are_listed_page_by_page(aws_session: aioboto3.Session) -> None:
    pages = {None: (["a/1", "a/ü +%2"], "next"), "next": (["a/3"], None)}
    deleted = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            deleted.append(request.path.removeprefix("/podcasts-out/"))
            return web.Response(status=204)
        keys, token = pages[request.query.get("continuation-token")]
        assert (request.query["list-type"], request.query["prefix"]) == ("2", "a/")
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        )
        found = "".join(f"<Contents><Key>{quote(key)}</Key></Contents>" for key in keys)
        body = f"<ListBucketResult><EncodingType>url</EncodingType>{found}{more}</ListBucketResult>"
        return web.Response(text=body, content_type="application/xml")

    async with scripted_http(answer) as url, store_at(aws_session, url) as store:
        await store.remove_beneath(ObjectLocation("podcasts-out", "a/"))

    assert sorted(deleted) == ["a/1", "a/3", "a/ü +%2"]


@pytest.mark.parametrize("action", ["ListObjectsV2", "DeleteObject"])
async def test_objects_that_may_not_be_listed_or_deleted_are_an_error_of_ours(
    action: str, proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    proxy.refuse(calls_of(action), 403, "AccessDenied")

    async with store_at(aws_session, proxy.url) as store:
        await store.upload(
            artifact_of(tmp_path / "file", 1000),
            ObjectLocation(bucket, "a/1"),
            content_type="audio/mp4",
            on_bytes=lambda _: None,
        )
        with pytest.raises(AccessDeniedError):
            await store.remove_beneath(ObjectLocation(bucket, "a/"))
