"""Uploads in parts through `worker serve`: what has been sent is not sent again, and what is given up is deleted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from yarl import URL

from tests.support.gateway import Answer, GatewayClient, GatewayProcess
from tests.support.sounds import silence
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess

MIB = 1024**2
FILE = {"name": "ä b.wav", "bytes": 20 * MIB, "content_type": "audio/wav"}


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    prefixes = {
        "WORKER_SERVE_SOURCE": f"s3://{shared.sources}/uploads/",
        "WORKER_SERVE_TARGET": f"s3://{shared.targets}/made/",
    }
    with GatewayProcess(shared, **prefixes) as process:
        yield process


async def begin(client: GatewayClient, **change: Any) -> Any:
    answer = await client.post("/uploads/multipart", FILE | change)
    assert answer.status == 201, answer.text
    assert answer.headers["location"] == f"/uploads/multipart/{answer.json['upload']}"
    return answer.json


async def put(client: GatewayClient, upload: Any, number: int, data: bytes) -> None:
    """Put a part as a browser does."""
    part = (await client.get(f"/uploads/multipart/{upload['upload']}/parts/{number}")).json
    async with client.session.put(URL(part["url"], encoded=True), data=io.BytesIO(data)) as answer:
        assert answer.status == 200, await answer.text()


async def show(client: GatewayClient, upload: Any) -> Answer:
    return await client.get(f"/uploads/multipart/{upload['upload']}")


async def complete(client: GatewayClient, upload: Any) -> Answer:
    return await client.post(f"/uploads/multipart/{upload['upload']}/complete")


def parts_of(data: bytes, part_bytes: int) -> list[bytes]:
    return [data[begin : begin + part_bytes] for begin in range(0, len(data), part_bytes)]


async def test_an_upload_goes_on_with_the_parts_that_s3_has_not_and_its_file_is_converted(
    client: GatewayClient, shared: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    data = silence(1100.0)  # 17 MB
    upload = await begin(client, bytes=len(data))
    first, second, third = parts_of(data, upload["part_bytes"])
    await put(client, upload, 2, second)
    early = await complete(client, upload)

    again = (await show(client, upload)).json
    await put(client, upload, 1, first)
    await put(client, upload, 3, third)
    done, repeated = await complete(client, upload), await complete(client, upload)
    outputs = [{"target": f"s3://{shared.targets}/made/a.mp3", "format": "mp3"}]
    await client.post("/jobs", {"job_id": "in-parts", "source": done.json["source"], "outputs": outputs})
    start_worker(shared)

    assert (upload["parts"], upload["sent"], again["sent"]) == (3, [], [2])
    assert (early.status, early.problem["missing"]) == (409, [1, 3])
    assert done.json == repeated.json == {"source": upload["source"]}
    assert upload["source"].startswith(f"s3://{shared.sources}/uploads/")
    assert upload["source"].endswith("/ä b.wav")
    key = upload["source"].split("/", 3)[3]
    assert shared.aws["s3"].get_object(Bucket=shared.sources, Key=key)["Body"].read() == data
    assert shared.aws["s3"].head_object(Bucket=shared.sources, Key=key)["ContentType"] == "audio/wav"
    assert shared.final_record("in-parts")["status"] == "completed"


async def test_an_upload_that_is_given_up_leaves_nothing(client: GatewayClient, shared: Stack) -> None:
    upload = await begin(client)
    await put(client, upload, 1, bytes(8 * MIB))

    aborted = await client.ask("DELETE", f"/uploads/multipart/{upload['upload']}")

    assert aborted.status == 204
    key = upload["source"].split("/", 3)[3]
    left = shared.aws["s3"].list_multipart_uploads(Bucket=shared.sources).get("Uploads", [])
    assert key not in [each["Key"] for each in left]
    for answer in (await show(client, upload), await complete(client, upload)):
        assert (answer.status, answer.problem["detail"]) == (404, "there is no such upload")


async def test_a_part_of_another_length_is_missing_and_its_url_is_signed_with_the_length(
    client: GatewayClient,
) -> None:
    upload = await begin(client)
    await put(client, upload, 1, bytes(8 * MIB))
    await put(client, upload, 2, bytes(6 * MIB))
    path = f"/uploads/multipart/{upload['upload']}/parts"

    part, beyond = (await client.get(f"{path}/3")).json, await client.get(f"{path}/4")
    await put(client, upload, 3, bytes(part["bytes"]))
    refused = await complete(client, upload)

    [signed] = parse_qs(urlsplit(part["url"]).query)["X-Amz-SignedHeaders"]
    assert (upload["part_bytes"], part["bytes"], beyond.status) == (8 * MIB, 4 * MIB, 404)
    assert signed.split(";") == ["content-length", "host"]
    assert (refused.status, refused.problem["missing"]) == (409, [2])


async def test_a_large_file_has_at_most_as_many_parts_as_one_answer_of_s3_lists(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    settings = {"WORKER_SERVE_SOURCE": f"s3://{stack.sources}/", "WORKER_MAX_SOURCE_BYTES": "1TiB"}
    async with start_gateway(stack, **settings).client() as client:
        upload = await begin(client, bytes=1024**4)

    assert upload["parts"] <= 1000
    assert (upload["parts"] - 1) * upload["part_bytes"] < 1024**4 <= upload["parts"] * upload["part_bytes"]


@pytest.mark.parametrize("upload", ["x", "e30", "WyJhIiwwLCJiIl0", "%C3%BC", "WyJhIiwxLCJiIl0"])
async def test_what_is_no_upload_is_not_found(client: GatewayClient, upload: str) -> None:
    answer = await client.get(f"/uploads/multipart/{upload}")

    assert (answer.status, answer.problem["detail"]) == (404, "there is no such upload")


async def test_a_file_that_cannot_be_uploaded_is_refused_with_the_field(client: GatewayClient) -> None:
    answer = await client.post("/uploads/multipart", FILE | {"bytes": 6 * 1024**3})

    assert (answer.status, answer.problem["field"]) == (422, "bytes")
