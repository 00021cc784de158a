"""The examples of docs/messages.md are what the worker takes."""

from __future__ import annotations

import re

from docs.generate import HERE
from worker.application.messages.envelope import open_envelope
from worker.application.messages.s3_event import Part
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.job import Job
from worker.domain.outcome import Ignored

PAGE = (HERE / "messages.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("\n")[0]: example[1]
    for section in PAGE.split("\n## ")
    if (example := re.search(r"```json\n(.*?)```", section, re.DOTALL))
}
OUTPUTS = S3EventOutputs(EXAMPLES.pop("Outputs for new objects"))


def part(heading: str) -> Part:
    (only,) = open_envelope(EXAMPLES[heading], OUTPUTS).parts
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
