"""The examples of docs/messages.md are what the worker takes."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from docs.generate import HERE
from worker.application.messages.envelope import open_envelope
from worker.application.messages.message import parse_job
from worker.application.messages.s3_event import Entry
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.application.messages.schema import message_schema
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job
from worker.domain.outcome import Ignored

PAGE = (HERE / "messages.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("\n")[0]: example[1]
    for section in PAGE.split("\n## ")
    if (example := re.search(r"```json\n(.*?)```", section, re.DOTALL))
}
OUTPUTS = S3EventOutputs(EXAMPLES.pop("Outputs for new objects"))


def part(heading: str) -> Entry:
    (only,) = open_envelope(EXAMPLES[heading], OUTPUTS).entries
    return only


def test_every_kind_of_body_has_an_example() -> None:
    assert len(EXAMPLES) == 7


def test_the_jobs_are_jobs() -> None:
    for heading in ("A job", "Several sources", "A job through SNS"):
        job = part(heading)
        assert isinstance(job, Job)
        assert job.job_id == "ep-0142"


def test_the_events_of_one_object_are_the_same_job_by_each_service() -> None:
    jobs = [part(heading) for heading in EXAMPLES if "S3" in heading and "test" not in heading]
    assert len(jobs) == 3
    job = jobs[0]
    assert isinstance(job, Job)
    assert jobs == [job] * 3
    assert f"`{job.job_id}`" in PAGE
    targets = [str(output.target) for output in job.outputs]
    assert targets == ["s3://podcasts-out/shows/ep 1.mp3", "s3://podcasts-out/shows/ep 1.opus"]


def test_the_test_event_of_s3_asks_for_nothing() -> None:
    assert isinstance(part("The test of S3"), Ignored)


def a_body(*changes: dict[str, Any], **more: Any) -> str:
    """A message with an MP3 for each of `changes`, changed so; None leaves a member out."""
    output = {"target": "s3://podcasts-out/a.mp3", "format": "mp3"}
    changed = [output | each for each in changes or ({},)]
    outputs = [{name: value for name, value in each.items() if value is not None} for each in changed]
    return json.dumps({"job_id": "a", "source": "s3://podcasts-in/a.wav", "outputs": outputs, **more})


STREAM = {"target": "s3://podcasts-out/a/", "format": "hls"}
BENEATH = "s3://podcasts-out/a/master.m3u8"
LONG_TAGS = {f"tag {number}": "x" * 4000 for number in range(17)}

# By the beginning of the line on the page.
BEYOND_A_SCHEMA = {
    "two outputs": [
        a_body({}, {}),
        a_body({"target": "s3://podcasts-in/a.wav"}),
        a_body({"cover": "s3://podcasts-in/a.jpg"}, {"target": "s3://podcasts-in/a.jpg"}),
    ],
    "an `hls` target": [
        a_body(STREAM | {"target": f"s3://podcasts-out/{'a' * 944}/"}),
        a_body(STREAM, {"target": BENEATH}),
        a_body(STREAM, source=BENEATH),
        a_body(STREAM, {"cover": BENEATH}),
    ],
    "a preset": [
        a_body({"preset": "none"}),
        a_body({"preset": "podcast", "format": None, "bits_per_sample": 16}),
    ],
    "a waveform": [
        a_body({"format": "waveform", "target": "s3://podcasts-out/a.txt"}),
        a_body({"format": "waveform", "target": "s3://podcasts-out/a.json", "width": 100}),
    ],
    "tags": [
        a_body({"tags": {"iTunSMPB": "0"}}),
        a_body({"format": "caf", "tags": LONG_TAGS}),
        a_body({"format": "webm", "tags": LONG_TAGS}),
    ],
    "an `end_seconds`": [a_body({"start_seconds": 2, "end_seconds": 1}), a_body(crossfade_seconds=1)],
    "a key": [a_body({"target": "s3://podcasts-out/" + "é" * 600}), a_body({"target": "s3://podcasts-out/\ud800"})],
    "a whole number": [a_body({"bitrate_kbps": 128.0})],
    "an object": [a_body().replace('"format"', '"format": "mp3", "format"')],
}


def test_each_rule_that_no_schema_has_is_on_the_page() -> None:
    rules = PAGE.partition("which the worker refuses:\n\n")[2].partition("\n\n")[0].splitlines()

    assert [line for line in rules if not line.removeprefix("* ").startswith(tuple(BEYOND_A_SCHEMA))] == []
    assert len(rules) == len(BEYOND_A_SCHEMA)


@pytest.mark.parametrize("body", [body for bodies in BEYOND_A_SCHEMA.values() for body in bodies])
def test_what_breaks_such_a_rule_is_accepted_by_the_schema_and_refused_by_the_worker(body: str) -> None:
    jsonschema.validate(json.loads(body), message_schema())

    with pytest.raises(InvalidMessageError):
        parse_job(body)
