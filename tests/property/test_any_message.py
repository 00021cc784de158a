"""Whatever text comes, it is a job or a refusal."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.application.messages.message import parse_job, to_body
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.limits import OneOf, Range

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
some_format = st.sampled_from([*AudioFormat, "mp4", "", 3])
number = st.none() | st.integers(-1, 200_000) | any_json
nearly_an_output = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(["s3://out/a", "s3://out/b", "s3://in-bucket/a", "out"]) | any_json,
        "format": some_format | any_json,
        "bitrate_kbps": number,
        "sample_rate_hz": number,
        "channels": number,
        "codec": any_json,
    },
)
nearly_a_job = st.fixed_dictionaries(
    {},
    optional={
        "job_id": st.text(max_size=10) | any_json,
        "source": st.just("s3://in-bucket/a") | any_json,
        "outputs": st.lists(nearly_an_output, max_size=18) | any_json,
        "extra": any_json,
    },
)


def check(text: str) -> None:
    with suppress(InvalidMessageError):
        job = parse_job(text)
        assert parse_job(to_body(job)) == job
        assert 1 <= len(job.outputs) <= 16
        targets = {output.target for output in job.outputs}
        assert len(targets) == len(job.outputs)
        assert job.source not in targets


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


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    keys = st.text(min_size=1, max_size=30)
    outputs = []
    for key in draw(st.lists(keys, min_size=1, max_size=16, unique=True)):
        audio_format = draw(st.sampled_from(AudioFormat))
        rules = FORMATS[audio_format]
        bitrate = None
        rates = rules.rates_hz
        if rules.bitrates_kbps is not None:
            bitrate = draw(st.none() | st.integers(rules.bitrates_kbps.low, rules.bitrates_kbps.high))
        if bitrate is not None and isinstance(rates, Range):
            limit = rules.rates_with_bitrate_hz
            rates = rates if limit is None else Range(rates.low, int(limit.bound) - 1)
        rate = st.sampled_from(rates.values) if isinstance(rates, OneOf) else st.integers(rates.low, rates.high)
        channels = draw(st.none() | st.integers(rules.channels.low, rules.channels.high))
        target = ObjectLocation("podcasts-out", key)
        outputs.append(OutputSpec(target, audio_format, bitrate, draw(st.none() | rate), channels))
    job_id = draw(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
    return Job(job_id, ObjectLocation("podcasts-in", draw(keys)), tuple(outputs))


@given(jobs())
def test_every_job_survives_the_way_through_a_body(job: Job) -> None:
    assert parse_job(to_body(job)) == job
