"""Messages and the command line carry every option that is declared, and refuse those that a format lacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import beside_for, ends_for, some_options
from worker.application.messages.codec import write
from worker.application.messages.message import parse_job, to_body
from worker.cli.arguments import parse
from worker.cli.typed_job import read_job
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec

OPTIONS = options_of(OutputSpec)


def target_of(audio_format: AudioFormat) -> str:
    return f"s3://podcasts-out/ep-0142{FORMATS[audio_format].endings[0]}"


def body_of(audio_format: AudioFormat, **options: Any) -> str:
    given = {name: write(value) for name, value in options.items()}
    output = {"target": target_of(audio_format), "format": audio_format.value, **given}
    return json.dumps({"job_id": "ep-0142", "source": "s3://podcasts-in/ep-0142.wav", "outputs": [output]})


def a_value_of(name: str) -> Any:
    """One that some format allows."""
    member, option = OPTIONS[name]
    allowed = (option.limits(rules) for rules in FORMATS.values())
    return next(ends_for(member, limits)[0] for limits in allowed if limits is not None)


def test_an_options_companion_is_an_option_too() -> None:
    companions = {companion.name for _, option in OPTIONS.values() for companion in option.companions}
    assert companions <= set(OPTIONS)


@given(st.data(), st.sampled_from(AudioFormat))
def test_every_option_comes_back_out_of_a_message(data: st.DataObject, audio_format: AudioFormat) -> None:
    options = data.draw(some_options(audio_format))
    job = parse_job(body_of(audio_format, **options))

    assert {name: getattr(job.outputs[0], name) for name in options} == options
    assert json.loads(to_body(job)) == json.loads(body_of(audio_format, **options))
    assert parse_job(to_body(job)) == job


@given(st.data(), st.sampled_from(AudioFormat))
def test_every_option_has_a_flag(data: st.DataObject, audio_format: AudioFormat) -> None:
    options = data.draw(some_options(audio_format))
    typed = {name: write(value) for name, value in options.items()}
    flags = [
        f"--{name.replace('_', '-')}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in typed.items()
    ]
    output = ["--output", target_of(audio_format), "--format", audio_format.value, *flags]
    job, _ = read_job(parse(["submit", "s3://podcasts-in/ep-0142.wav", "--job-id", "ep-0142", *output]))

    assert job == parse_job(body_of(audio_format, **options))


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("audio_format", AudioFormat)
def test_what_a_format_lacks_is_refused_with_the_options_name(audio_format: AudioFormat, name: str) -> None:
    member, option = OPTIONS[name]
    limits = option.limits(FORMATS[audio_format])
    refused = [a_value_of(name)] if limits is None else beside_for(member, limits)
    for value in (*refused, "a text that no option takes"):
        with pytest.raises(InvalidMessageError) as caught:
            parse_job(body_of(audio_format, **{name: value}))
        field, _, inner = caught.value.field.removeprefix("outputs[0].").partition(".")
        assert field == name
        assert inner or isinstance(value, str) or audio_format.value in caught.value.problem
