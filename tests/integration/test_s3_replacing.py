"""A master playlist that takes the place of what was there: other stores, and roles that may not look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aioboto3
import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.s3 import artifact_of, store_at
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import ObjectLocation
from worker.ports import ObjectExistsError, Seen


@pytest.fixture
def proxy(aws_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(aws_endpoint).running() as proxy:
        yield proxy


@pytest.mark.parametrize("seen", [Seen(None), Seen('"0a"')], ids=["nothing", "an object"])
@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "NotImplemented")])
async def test_a_store_without_conditional_writes_takes_the_object_without(
    seen: Seen, status: int, code: str, proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    target = ObjectLocation(bucket, "target")
    proxy.refuse(calls_of("PutObject"), status, code, times=1)

    async with store_at(aws_session, proxy.url) as store:
        artifact = artifact_of(tmp_path / "file", 1000)
        await store.upload(artifact, target, content_type="audio/wav", on_bytes=lambda _: None, seen=seen)
        assert await store.probe(target) == 1000

    conditions = [{"if-match", "if-none-match"} & set(call.headers) for call in proxy.seen("PutObject")]
    assert [len(each) for each in conditions] == [1, 0]


async def test_a_write_that_met_another_of_the_same_object_is_tried_again(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    proxy.refuse(calls_of("PutObject"), 409, "ConditionalRequestConflict", times=1)

    async with store_at(aws_session, proxy.url) as store:
        with pytest.raises(DependencyUnavailableError, match="ConditionalRequestConflict"):
            await store.upload(
                artifact_of(tmp_path / "file", 1000),
                ObjectLocation(bucket, "target"),
                content_type="audio/wav",
                on_bytes=lambda _: None,
                seen=Seen(None),
            )


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (404, "NoSuchKey")])
async def test_an_object_that_is_another_by_now_or_is_gone_is_not_replaced(
    status: int, code: str, proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session, tmp_path: Path
) -> None:
    proxy.refuse(calls_of("PutObject"), status, code, times=1)

    async with store_at(aws_session, proxy.url) as store:
        with pytest.raises(ObjectExistsError):
            await store.upload(
                artifact_of(tmp_path / "file", 1000),
                ObjectLocation(bucket, "target"),
                content_type="audio/wav",
                on_bytes=lambda _: None,
                seen=Seen('"0a"'),
            )


async def test_nothing_is_known_of_a_target_that_the_role_may_not_read(
    proxy: FaultProxy, bucket: str, aws_session: aioboto3.Session
) -> None:
    proxy.refuse(calls_of("HeadObject"), 403, "AccessDenied", times=1)

    async with store_at(aws_session, proxy.url) as store:
        assert await store.current_object(ObjectLocation(bucket, "target")) is None
