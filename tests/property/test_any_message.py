"""Any text is a job or a refusal."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import any_json, jobs, nearly_a_job
from worker.application.messages.message import parse_job, to_body
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job


def check(text: str) -> None:
    with suppress(InvalidMessageError):
        job = parse_job(text)
        assert parse_job(to_body(job)) == job
        assert 1 <= len(job.outputs) <= 16
        targets = {output.target for output in job.outputs}
        assert len(targets) == len(job.outputs)
        assert targets.isdisjoint(part.source for part in job.parts)


@given(st.text(st.characters()))  # lone surrogates included
def test_parsing_any_text_is_total(text: str) -> None:
    check(text)


@given(any_json | nearly_a_job)
def test_parsing_any_json_is_total(document: Any) -> None:
    check(json.dumps(document))


@given(nearly_a_job)
def test_a_refusal_can_be_written_anywhere(document: Any) -> None:
    try:
        parse_job(json.dumps(document))
    except InvalidMessageError as exc:
        refusal = str(exc)
    else:
        return
    assert len(refusal.encode()) < 300


@given(jobs())
def test_every_job_survives_the_way_through_a_body(job: Job) -> None:
    assert parse_job(to_body(job)) == job
