"""Uploads and downloads through `worker serve`: the bytes go between the client and S3."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.sounds import silence
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    prefixes = {
        "WORKER_SERVE_SOURCE": f"s3://{shared.sources}/uploads",
        "WORKER_SERVE_TARGET": f"s3://{shared.targets}/made/",
        "WORKER_MAX_SOURCE_BYTES": "1000000",
    }
    with GatewayProcess(shared, **prefixes) as process:
        yield process


def conditions_of(fields: dict[str, str]) -> list[Any]:
    conditions: list[Any] = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    return conditions


async def send(client: GatewayClient, upload: dict[str, Any], data: bytes, *, filename: str) -> None:
    form = aiohttp.FormData()
    for name, value in upload["fields"].items():
        form.add_field(name, value)
    form.add_field("file", data, filename=filename)
    async with client.session.post(upload["url"], data=form) as posted:
        assert posted.status in {200, 204}, await posted.text()


async def test_a_file_is_uploaded_converted_and_downloaded(
    client: GatewayClient, shared: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    data = silence(1.0)
    start_worker(shared)

    upload = (await client.post("/uploads", {"name": "ä b.wav", "bytes": len(data), "content_type": "audio/wav"})).json
    await send(client, upload, data, filename="ä b.wav")
    outputs = [{"target": f"s3://{shared.targets}/made/ü 1.mp3", "format": "mp3"}]
    await client.post("/jobs", {"job_id": "whole", "source": upload["source"], "outputs": outputs})
    early = await client.get("/jobs/whole/outputs/0")
    shared.final_record("whole")
    found = await client.get("/jobs/whole/outputs/0")
    async with client.session.get(URL(found.headers["location"], encoded=True)) as download:
        body = await download.read()

    assert upload["source"].startswith(f"s3://{shared.sources}/uploads/")
    assert upload["source"].endswith("/ä b.wav")
    assert (early.status, early.problem["record"]["job_id"]) == (409, "whole")
    assert (found.status, download.status) == (307, 200)
    assert body == shared.output("made/ü 1.mp3")
    assert "filename*=UTF-8''%C3%BC%201.mp3" in download.headers["content-disposition"]
    assert (await client.get("/jobs/whole/outputs/1")).problem["status"] == 404
    await expect_url_for_those_who_take_nothing_but_json(client, "/jobs/whole/outputs/0")


async def expect_url_for_those_who_take_nothing_but_json(client: GatewayClient, path: str) -> None:
    for accept in (
        "application/json",
        "Application/JSON",
        "application/json; q=0.9",
        "application/json;charset=utf-8",
    ):
        answer = await client.get(path, headers={"accept": accept})
        assert (answer.status, set(answer.json)) == (200, {"url"}), accept
    for accept in ("*/*", "application/json, */*", "text/html, application/json", "application/problem+json", ""):
        assert (await client.get(path, headers={"accept": accept})).status == 307, accept


async def test_a_form_is_for_one_key_one_size_and_one_type_and_expires(client: GatewayClient) -> None:
    answer = await client.post("/uploads", {"name": "../a/b.mp3", "bytes": 1000, "content_type": "audio/mpeg"})

    conditions = conditions_of(answer.json["fields"])
    _, _, _, key = answer.json["source"].split("/", 3)
    assert answer.status == 201
    assert ["content-length-range", 1000, 1000] in conditions
    assert {"Content-Type": "audio/mpeg"} in conditions
    assert {"key": key} in conditions
    assert key.endswith("/b.mp3")
    assert answer.json["expires_at"].endswith("Z")


@pytest.mark.parametrize(
    "content_type",
    ["audio/webm;codecs=opus", "audio/ogg; codecs=opus", 'video/webm;codecs="vp8,opus"', "audio/L16; rate=16000"],
)
async def test_a_recording_of_a_browser_is_uploaded_under_its_whole_type(
    client: GatewayClient, shared: Stack, content_type: str
) -> None:
    form = (await client.post("/uploads", {"name": "call.webm", "bytes": 5, "content_type": content_type})).json

    await send(client, form, b"sound", filename="blob")

    _, _, bucket, key = form["source"].split("/", 3)
    assert shared.aws["s3"].head_object(Bucket=bucket, Key=key)["ContentType"] == content_type


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/.."}, "name"),
        ({"bytes": 0}, "bytes"),
        ({"bytes": 1_000_001}, "bytes"),
        ({"bytes": "1"}, "bytes"),
        ({"content_type": "text/html"}, "content_type"),
        ({"content_type": "audio/webm;codecs=\r\nx"}, "content_type"),
        ({"content_type": "audio/webm;text/html"}, "content_type"),
        ({"key": "x"}, "key"),
    ],
)
async def test_what_cannot_be_uploaded_is_refused_with_the_field(
    client: GatewayClient, change: dict[str, Any], field: str
) -> None:
    answer = await client.post("/uploads", {"name": "a.wav", "bytes": 5, "content_type": "audio/wav"} | change)

    assert (answer.status, answer.problem["field"]) == (422, field)


@pytest.mark.parametrize(
    ("source", "target", "field"),
    [
        ("{sources}/elsewhere/a.wav", "{targets}/made/a.mp3", "source"),
        ("{sources}/uploads/a.wav", "{targets}/a.mp3", "outputs[0].target"),
        ("{sources}/uploads/a.wav", "{sources}/made/a.mp3", "outputs[0].target"),
        ("{sources}/uploads-of-others/a.wav", "{targets}/made/a.mp3", "source"),
    ],
)
async def test_a_job_outside_the_prefixes_is_refused_with_the_field(
    client: GatewayClient, shared: Stack, source: str, target: str, field: str
) -> None:
    names = {"sources": f"s3://{shared.sources}", "targets": f"s3://{shared.targets}"}
    outputs = [{"target": target.format(**names), "format": "mp3"}]

    answer = await client.post("/jobs", {"source": source.format(**names), "outputs": outputs})

    assert (answer.status, answer.problem["field"]) == (422, field)
    assert "must lie under s3://" in answer.problem["detail"]


async def test_without_a_place_for_uploads_there_are_none(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(stack)

    async with gateway.client() as client:
        answer = await client.post("/uploads", {"name": "a.wav", "bytes": 5, "content_type": "audio/wav"})

    assert (answer.status, answer.problem["detail"]) == (501, "uploads need the setting WORKER_SERVE_SOURCE")
