"""A job of a stream in a harness, and the objects that it makes."""

from __future__ import annotations

import asyncio
import json

from tests.support.deliveries import a_delivery
from tests.support.harness import SECOND, SOURCE, Harness
from worker.domain.job import ObjectLocation
from worker.domain.progress import Version
from worker.domain.stream_layout import attempt_directory

STREAM = ObjectLocation("out-bucket", "ep-1/")
MASTER = ObjectLocation("out-bucket", "ep-1/master.m3u8")
MASTER_URL = "https://out-bucket/ep-1/master.m3u8"
OBJECTS = 2 * 5 + 1  # of two bitrates: what stands in front, three segments and a playlist each; the master playlist


def a_body(job_id: str = "ep-1", *, with_file: bool = False) -> str:
    """A job of a stream at two bitrates; with a file behind it."""
    outputs: list[dict[str, object]] = [{"target": str(STREAM), "format": "hls", "bitrates_kbps": [64, 128]}]
    if with_file:
        outputs.append({"target": str(SECOND), "format": "flac"})
    return json.dumps({"job_id": job_id, "source": str(SOURCE), "outputs": outputs})


def hidden(name: str = "", *, job_id: str = "ep-1", attempt: int = 1) -> ObjectLocation:
    """An object that an attempt makes of the stream, beside its master playlist."""
    claimed = Version(a_delivery(receive_count=attempt).fence, 1)
    return ObjectLocation("out-bucket", f"{STREAM.key}{attempt_directory(job_id, claimed)}{name}")


def directories(harness: Harness) -> list[str]:
    """The directories of the attempts at the stream, the oldest first."""
    return sorted({key.rsplit("/", 2)[0] for key in keys(harness) if key.endswith((".m4s", ".mp4"))})


def keys(harness: Harness) -> list[str]:
    return sorted(harness.objects.buckets["out-bucket"])


def fetched(harness: Harness, uri: str) -> bytes:
    """What lies at `https://bucket/key`."""
    found = harness.objects.get(ObjectLocation.parse(uri.replace("https://", "s3://")))
    assert found is not None, uri
    return found.data


def held(harness: Harness, location: ObjectLocation) -> asyncio.Event:
    """Let the upload of an object stop half-way, until the event is set."""
    harness.objects.may_finish[location] = asyncio.Event()
    return harness.objects.may_finish[location]
