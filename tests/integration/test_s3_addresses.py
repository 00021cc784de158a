"""Where requests to S3 go: a bucket in the path or in the host's name, and access points."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aioboto3
import pytest

from tests.support.s3 import ANYWHERE, download
from worker.adapters.aws.client import open_client
from worker.adapters.s3.store import S3Store
from worker.bootstrap.parts import s3_limits
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import ObjectLocation

ACCESS_POINT = "arn:aws:s3:eu-central-1:111122223333:accesspoint/masters"
ALIAS = "masters-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias"


@asynccontextmanager
async def store_that_sends_nothing(session: aioboto3.Session, urls: list[str]) -> AsyncIterator[S3Store]:
    """A store whose requests end before they are sent; their URLs are added to `urls`."""

    def refuse(request: Any, **_: Any) -> None:
        urls.append(request.url)
        raise ConnectionResetError

    async with open_client(session, "s3", replace(s3_limits(jobs=1), attempts=1)) as client:
        client.meta.events.register("before-send.s3", refuse)
        yield S3Store(client)


@pytest.mark.usefixtures("aws_endpoint")
@pytest.mark.parametrize(
    ("style", "sent_to"),
    [
        ("", "http://store.example:9000/bucket/key"),
        ("addressing_style = path", "http://store.example:9000/bucket/key"),
        ("addressing_style = virtual", "http://bucket.store.example:9000/key"),
    ],
)
async def test_another_store_has_its_buckets_in_the_path_unless_the_files_of_the_sdk_say_otherwise(
    style: str, sent_to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\n" + (f"s3 =\n    {style}\n" if style else ""))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example:9000")
    urls: list[str] = []

    async with store_that_sends_nothing(aioboto3.Session(), urls) as store:
        with pytest.raises(DependencyUnavailableError):
            await download(store, ANYWHERE, tmp_path / "source")

    assert urls == [sent_to]


@pytest.mark.parametrize(
    ("endpoint", "url", "sent_to"),
    [
        (
            "",
            f"s3://{ACCESS_POINT}/a/key.wav",
            "https://masters-111122223333.s3-accesspoint.eu-central-1.amazonaws.com/a/key.wav",
        ),
        (
            "http://store.example:9000",
            f"s3://{ACCESS_POINT}/a/key.wav",
            "http://masters-111122223333.store.example:9000/a/key.wav",
        ),
        ("", f"s3://{ALIAS}/a/key.wav", f"https://{ALIAS}.s3.eu-central-1.amazonaws.com/a/key.wav"),
    ],
)
async def test_an_access_point_is_addressed_by_its_host(
    endpoint: str,
    url: str,
    sent_to: str,
    aws_session: aioboto3.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    urls: list[str] = []

    async with store_that_sends_nothing(aws_session, urls) as store:
        with pytest.raises(DependencyUnavailableError):
            await download(store, ObjectLocation.parse(url), tmp_path / "source")

    assert urls == [sent_to]
