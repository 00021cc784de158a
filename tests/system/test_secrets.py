"""A presigned URL pasted as a key: no store, no log line and no attribute of a dead letter has its signature."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.stack import Deployment

SIGNATURE = "0123456789abcdefSECRET"


def test_a_signature_in_the_key_of_a_source_is_redacted_everywhere(
    deployment: Deployment, unique: Callable[[str], str]
) -> None:
    stack, job_id = deployment.stack, unique("job")
    key = f"https://b.s3.amazonaws.com/a.wav?X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}"
    job = {
        "job_id": job_id,
        "source": f"s3://{stack.sources}/{key}",
        "outputs": [{"target": stack.target(key.replace("a.wav", "a.mp3")), "format": "mp3"}],
    }

    stack.send(job)
    letter = stack.take_dead_letter(json.dumps(job))

    assert stack.final_record(job_id)["error"]["code"] == "source_not_found"
    assert "[redacted]" in stack.final_record(job_id)["source"]
    attributes = {name: attribute["StringValue"] for name, attribute in letter["MessageAttributes"].items()}
    assert "[redacted]" in attributes["error"]
    seen = [stack.final_record(job_id), stack.item(job_id), attributes, deployment.worker.lines]
    assert SIGNATURE not in json.dumps(seen)
