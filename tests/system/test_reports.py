"""A report from a message to a download: the gateway takes it, the worker makes it, and it agrees with the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from yarl import URL

from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    prefixes = {
        "WORKER_SERVE_SOURCE": f"s3://{shared.sources}/",
        "WORKER_SERVE_TARGET": f"s3://{shared.targets}/",
    }
    with GatewayProcess(shared, **prefixes) as process:
        yield process


async def test_a_report_is_made_beside_an_mp3_and_downloaded_as_json(
    client: GatewayClient, shared: Stack, start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    samples = tones([440, 1000], seconds=2)
    samples[2 * RATE_HZ :] = type(samples)("h", bytes(4 * RATE_HZ))
    samples[0], samples[1] = 32767, -32768
    source = shared.put_source("call.wav", a_wav(tmp_path / "call.wav", samples, 2))
    start_worker(shared)
    outputs = [
        {"target": shared.target("call.mp3"), "format": "mp3"},
        {"target": shared.target("call report"), "format": "report"},
    ]

    accepted = await client.post("/jobs", {"job_id": "call", "source": source, "outputs": outputs})
    assert accepted.status == 202, accepted.problem
    record = shared.final_record("call")
    found = await client.get("/jobs/call/outputs/1")
    async with client.session.get(URL(found.headers["location"], encoded=True)) as download:
        body = await download.read()

    assert (record["status"], download.status) == ("completed", 200)
    assert download.content_type == "application/json"
    report = json.loads(body)
    assert report["source_audio"] == record["source_audio"]
    assert (report["clipped_samples"], report["silences"]) == (2, [[1.0, 2.0]])
    assert report["loudness"]["integrated_lufs"] == pytest.approx(-12.5, abs=1)  # two tones at -12 dBFS
    mp3, output = record["outputs"]
    assert output["bytes"] == len(body)
    assert output["sha256"] == hashlib.sha256(body).hexdigest()
    assert output["duration_seconds"] == mp3["duration_seconds"] == 2.0


async def test_what_a_report_cannot_have_is_refused_by_the_gateway_with_the_fields_name(
    client: GatewayClient, shared: Stack
) -> None:
    output = {"target": shared.target("a.report.json"), "format": "report", "bitrate_kbps": 64}

    answer = await client.post("/jobs", {"source": f"s3://{shared.sources}/call.wav", "outputs": [output]})

    assert answer.status == 422
    assert answer.problem["field"] == "outputs[0].bitrate_kbps"
