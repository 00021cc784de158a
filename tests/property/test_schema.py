"""The JSON Schemas say what the code does: an independent validator reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

from tests.support.records import NOW, a_record, completed
from tests.support.strategies import any_json, beside_for, ends_for, ends_of, jobs, nearly_a_job, records
from worker.application.messages.codec import write
from worker.application.messages.message import parse_job, to_body
from worker.application.messages.schema import SCHEMAS, message_schema, record_schema
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, OutputSpec
from worker.domain.limits import ABSENT, Below, Choice, Limits, OneOf, Range
from worker.domain.loudness import OutputLoudness
from worker.domain.progress import Record, first_record


def _ecma_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """`$` is the end of the text, as in ECMA 262; in Python it may stand before a last line feed, too."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"does not match {pattern}")


OPTIONS = options_of(OutputSpec)

_VALIDATOR = validators.extend(Draft202012Validator, {"pattern": _ecma_pattern})
_MESSAGE = _VALIDATOR(message_schema())
_RECORD = _VALIDATOR(record_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)

# What the parser refuses and no schema can: it cannot compare members, counts characters and knows one kind of number.
_BEYOND_A_SCHEMA = re.compile(
    r"is the source"
    r"|is the target of outputs\[\d+\], too"
    r"|must be above start_seconds, which is 0 where it is left out"
    r"|must end with \.json, \.dat or \.png for waveform"
    r"|can be chosen for waveform only with a target that ends with \.(png|json or \.dat)"
    r"|the key is longer than 1024 bytes"
    r"|the key is not valid Unicode"
    r"|must be a whole number"  # of 128.0
)


def target_of(audio_format: AudioFormat) -> str:
    return f"s3://podcasts-out/a{FORMATS[audio_format].endings[0]}"


def check(document: Any) -> None:
    """The schema and the parser take the same documents, but for what is beyond a schema."""
    problem = _problem_with(document)
    if problem is None:
        _MESSAGE.validate(document)
    elif _MESSAGE.is_valid(document):
        assert _BEYOND_A_SCHEMA.fullmatch(problem), problem
        assert problem != "must be a whole number" or _holds_a_whole_float(document)


def _problem_with(document: Any) -> str | None:
    try:
        parse_job(json.dumps(document))
    except InvalidMessageError as exc:
        return exc.problem
    return None


def _holds_a_whole_float(document: Any) -> bool:
    if isinstance(document, dict | list):
        return any(map(_holds_a_whole_float, document.values() if isinstance(document, dict) else document))
    return isinstance(document, float) and document.is_integer()


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name]())


@given(any_json | nearly_a_job)
def test_the_schema_refuses_what_the_parser_refuses(document: Any) -> None:
    check(document)


def test_a_key_of_too_many_characters_is_refused_by_the_schema_too() -> None:
    output = {"target": "s3://podcasts-out/a.mp3", "format": "mp3"}
    for length, is_valid in ((1024, True), (1025, False)):
        key = "k" * length
        for source, outputs in (
            (f"s3://podcasts-in/{key}", [output]),
            ([{"source": f"s3://podcasts-in/{key}"}], [output]),
            ("s3://podcasts-in/a.wav", [output | {"target": f"s3://podcasts-out/{key}"}]),
            ("s3://podcasts-in/a.wav", [output | {"cover": f"s3://podcasts-in/{key}"}]),
        ):
            document = {"job_id": "ep-0142", "source": source, "outputs": outputs}
            assert _MESSAGE.is_valid(document) is is_valid
            assert (_problem_with(document) is None) is is_valid


@given(jobs())
def test_the_schema_accepts_every_job(job: Job) -> None:
    _MESSAGE.validate(json.loads(to_body(job)))


_values = any_json | st.sampled_from(
    [0, 1, 2, 3, 8, 9, 48_000, 50_000, 128, 128.0, "mp3", "opus", "ogg", "s3://out/a"]
)


@given(jobs(), st.data())
def test_the_schema_and_the_parser_agree_on_a_job_with_one_change(job: Job, data: st.DataObject) -> None:
    document = json.loads(to_body(job))
    changed = data.draw(st.sampled_from([document, *document["outputs"]]))
    names = [*changed, *OPTIONS, "unheard_of"]
    changed[data.draw(st.sampled_from(names))] = data.draw(_values)
    check(document)


def _limits_of(name: str) -> Iterator[Limits | None]:
    """All limits that an option has in any format, those that it keeps as another's companion included."""
    for rules in FORMATS.values():
        for each, (_, option) in OPTIONS.items():
            if each == name:
                yield option.limits(rules)
            for companion in option.companions:
                if companion.name == name and companion.limits(rules) is not ABSENT:
                    yield companion.limits(rules)


def _telling_values(name: str) -> Collection[Any]:
    """No value, and those at each end of an option's limits and one beside it."""
    member, usual = OPTIONS[name][0], next(limits for limits in _limits_of(name) if limits is not None)
    if not isinstance(usual, Range | OneOf | Choice | Below):
        return [None, {}, *map(write, ends_for(member, usual)), *beside_for(member, usual)]
    ends = {end for limits in _limits_of(name) if limits is not None for end in ends_of(limits)}
    return {None} | {value for end in ends for value in ([end] if isinstance(end, str) else [end - 1, end, end + 1])}


_RELATED = sorted({(name, each.name) for name, (_, option) in OPTIONS.items() for each in option.companions})


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_schema_and_the_parser_agree_on_every_option(audio_format: AudioFormat, name: str) -> None:
    for value in _telling_values(name):
        output = {"target": target_of(audio_format), "format": audio_format.value, name: value}
        check({"job_id": "ep-0142", "source": "s3://podcasts-in/a.wav", "outputs": [output]})


@pytest.mark.parametrize("audio_format", AudioFormat)
@pytest.mark.parametrize(("one", "other"), _RELATED)
def test_the_schema_and_the_parser_agree_on_options_that_bind_each_other(
    audio_format: AudioFormat, one: str, other: str
) -> None:
    for values in product(_telling_values(one), _telling_values(other)):
        output = {"target": target_of(audio_format), "format": audio_format.value} | dict(
            zip((one, other), values, strict=True)
        )
        check({"job_id": "ep-0142", "source": "s3://podcasts-in/a.wav", "outputs": [output]})


@given(records())
def test_the_schema_accepts_every_record(record: Record) -> None:
    _RECORD.validate(record.to_dict())


@pytest.mark.parametrize(
    "record",
    [first_record("ep-0142", None, ("s3://podcasts-out/a.mp3",), NOW), a_record(), completed(a_record(), 2)],
    ids=["queued", "running", "completed"],
)
def test_the_schema_of_records_names_every_member_in_order(record: Record) -> None:
    document = record.to_dict()
    schema = record_schema()
    assert list(schema["properties"]) == schema["required"] == list(document)
    output, loudness = schema["properties"]["outputs"]["items"], OutputLoudness(-20.5, -16.0, -1.2).to_dict()
    assert output["required"] == list(document["outputs"][0])
    assert list(output["properties"]) == [*output["required"], "loudness", "playlist"]
    _RECORD.validate(document)
    document["outputs"][0]["loudness"] = loudness
    assert list(output["properties"]["loudness"]["properties"]) == list(loudness)
    _RECORD.validate(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"percent": 100},
        {"percent": -1},
        {"percent": None},
        {"stage": None},
        {"stage": "resting"},
        {"status": "completed"},
        {"status": "queued"},
        {"status": "done"},
        {"seq": 0},
        {"fence": "1"},
        {"created_at": "yesterday"},
        {"error": {"code": "internal"}},
        {"outputs": [{"target": "s3://podcasts-out/a.mp3"}]},
        {"outputs": None},
    ],
)
def test_the_schema_refuses_what_is_no_record(changes: dict[str, Any]) -> None:
    assert not _RECORD.is_valid(a_record().to_dict() | changes)


def test_a_record_without_a_member_is_none_and_one_with_more_is_one() -> None:
    document = a_record().to_dict()
    for name in document:
        assert not _RECORD.is_valid({member: value for member, value in document.items() if member != name})
    _RECORD.validate(document | {"fresh": False, "loudness": {"before_lufs": -20.1}})


def test_a_failed_record_has_its_error() -> None:
    error = {"code": "no_audio", "message": "the source has no audio", "retryable": False}
    document = a_record().to_dict() | {"status": "failed", "stage": None, "error": error}
    _RECORD.validate(document)
    assert not _RECORD.is_valid(document | {"error": error | {"retryable": "no"}})
