"""The objects of an output."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

from worker.application.jobs.publication import hidden_objects
from worker.application.messages.message import parse_job
from worker.domain.hls import Rendition, Segment
from worker.ports import Artifact, Stream

MIB = 1 << 20


def test_the_objects_of_a_long_stream_are_never_all_in_memory() -> None:
    body = {
        "job_id": "ep",
        "source": "s3://in-bucket/ep.wav",
        "outputs": [{"target": "s3://out/ep/", "format": "hls"}],
    }
    (output,) = parse_job(json.dumps(body)).outputs
    rendition = Rendition(64, [Segment(number, number + 1, 2.0) for number in range(5000)])
    artifact = Artifact(Path("output"), 10_000.0, 0, 0, streams=(Stream(Path("output"), rendition),) * 6)

    tracemalloc.start()
    try:
        number = sum(1 for _ in hidden_objects(output, artifact, "job/1-1/"))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert number == 6 * (5000 + 2)
    assert peak_bytes < 3 * MIB
