"""Messages with several sources: which are jobs, what is said of the others, and how they are typed and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.records import a_record
from worker.application.messages.message import parse_job, to_body
from worker.application.messages.schema import message_schema, record_schema
from worker.cli.arguments import parse
from worker.cli.exits import UsageError
from worker.cli.status import describe
from worker.cli.typed_job import read_job
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.joining import SourcePart
from worker.domain.progress import Record
from worker.gateway.prefixes import Prefixes

_A, _B = {"source": "s3://podcasts-in/a.wav"}, {"source": "s3://podcasts-in/b.mp3"}
_TARGET = ["--output", "s3://podcasts-out/a.mp3"]


def _document(source: object, **more: Any) -> dict[str, Any]:
    outputs = [{"target": "s3://podcasts-out/a.mp3", "format": "mp3"}]
    return {"job_id": "ep-1", "source": source, "outputs": outputs, **more}


def _job(source: object, **more: Any) -> Job:
    return parse_job(json.dumps(_document(source, **more)))


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ([_A, _B], {}),
        ([_A, _A, _A], {"crossfade_seconds": 60}),
        ([_A | {"start_seconds": 1.5, "end_seconds": 2}, _B], {"crossfade_seconds": 0.5}),
        ([_A | {"end_seconds": 0.1}], {}),
        ([_A] * 16, {}),
    ],
)
def test_a_list_of_sources_is_kept_as_it_was_written(source: object, more: dict[str, Any]) -> None:
    job = _job(source, **more)

    assert json.loads(to_body(job)) == _document(source, **more)
    assert parse_job(to_body(job)) == job
    jsonschema.validate(_document(source, **more), message_schema())


@pytest.mark.parametrize("part", [_A, _A | {"start_seconds": 0}, _A | {"start_seconds": None, "end_seconds": None}])
def test_a_list_of_one_without_a_cut_is_that_source(part: dict[str, Any]) -> None:
    assert _job([part], crossfade_seconds=0) == _job("s3://podcasts-in/a.wav")


@pytest.mark.parametrize(
    ("source", "more", "problem"),
    [
        ([], {}, "source: must be 1 to 16, not 0"),
        ([_A] * 17, {}, "source: must be 1 to 16, not 17"),
        (7, {}, "source: must be a string or a list"),
        (_A, {}, "source: must be a string or a list"),
        (None, {}, "source: must be a string or a list"),
        (["s3://podcasts-in/a.wav"], {}, "source[0]: must be an object"),
        ([_A, {}], {}, "source[1].source: is required"),
        ([_A, _B | {"fade_seconds": 1}], {}, "source[1].fade_seconds: is not known"),
        ([_A, {"source": "a.wav"}], {}, "source[1].source: must be s3://bucket/key"),
        ([_A, {"source": [_B]}], {}, "source[1].source: must be a string"),
        ([_A, _B | {"start_seconds": -1}], {}, "source[1].start_seconds: must be from 0 to 10000000"),
        ([_A, _B | {"end_seconds": "1"}], {}, "source[1].end_seconds: must be a number"),
        (
            [_A, _B | {"start_seconds": 2, "end_seconds": 2}],
            {},
            "source[1].end_seconds: must be above start_seconds, which is 0 where it is left out",
        ),
        ([_A | {"end_seconds": 0}], {}, "source[0].end_seconds: must be above start_seconds, which is 0 where it is"),
        ([_A, _B], {"crossfade_seconds": -0.1}, "crossfade_seconds: must be from 0 to 60"),
        ([_A, _B], {"crossfade_seconds": 60.5}, "crossfade_seconds: must be from 0 to 60"),
        ([_A, _B], {"crossfade_seconds": True}, "crossfade_seconds: must be a number"),
        ([_A], {"crossfade_seconds": 1}, "crossfade_seconds: must be 0 where there is one source"),
        ("s3://podcasts-in/a.wav", {"crossfade_seconds": 1}, "crossfade_seconds: must be 0 where there is one source"),
        ([_A, {"source": "s3://podcasts-out/a.mp3"}], {}, "outputs[0].target: is one of the sources"),
    ],
)
def test_what_is_wrong_is_refused_with_the_name_of_the_field(
    source: object, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidMessageError) as refused:
        _job(source, **more)

    assert str(refused.value).startswith(problem)
    assert refused.value.job_id == "ep-1"


@pytest.mark.parametrize("source", [[], [_A] * 17, 7, _A, ["s3://podcasts-in/a.wav"], [{}], [_A | {"x": 1}]])
def test_the_schema_refuses_what_is_no_list_of_sources(source: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(_document(source), message_schema())


# --- the record ----------------------------------------------------------------------------------------------------


def test_a_record_with_several_sources_is_as_its_schema_says_and_is_read_back() -> None:
    record = replace(a_record(), source=("s3://podcasts-in/a.wav", "s3://podcasts-in/b.mp3"))

    jsonschema.validate(record.to_dict(), record_schema())
    assert record.to_dict()["source"] == ["s3://podcasts-in/a.wav", "s3://podcasts-in/b.mp3"]
    assert Record.from_json(record.to_json()) == record


def test_a_secret_in_one_of_several_sources_is_not_kept() -> None:
    record = replace(a_record(), source=("s3://in/a.wav", "s3://in/b.wav?X-Amz-Signature=0123abcd"))

    assert "0123abcd" not in record.to_json()


def test_status_has_a_line_for_each_source() -> None:
    record = replace(a_record(), source=("s3://podcasts-in/a.wav", "s3://podcasts-in/b.mp3"))

    lines = [line for line in describe(record).splitlines() if line.startswith("source")]
    assert lines == ["source   s3://podcasts-in/a.wav", "source   s3://podcasts-in/b.mp3"]


# --- the command line ----------------------------------------------------------------------------------------------


def test_several_sources_are_joined_in_the_order_in_which_they_are_typed() -> None:
    words = ["s3://podcasts-in/b.mp3", "s3://podcasts-in/a.wav", "--crossfade-seconds", "1.5", *_TARGET]

    job, uploads = read_job(parse(["submit", *words]))

    parts = (SourcePart(ObjectLocation("podcasts-in", name)) for name in ("b.mp3", "a.wav"))
    assert (job.source, job.crossfade_seconds, uploads) == (tuple(parts), 1.5, {})


def test_local_files_are_uploaded_under_names_of_their_own(tmp_path: Path) -> None:
    files = [tmp_path / "x" / "a.wav", tmp_path / "y" / "a.wav"]
    for file in files:
        file.parent.mkdir()
        file.touch()
    upload = ["--upload-to", "s3://podcasts-in/raw", "--job-id", "ep-1"]

    typed = [str(files[0]), "s3://podcasts-in/b.mp3", str(files[1]), str(files[0])]
    job, uploads = read_job(parse(["submit", *typed, *upload, *_TARGET]))

    first, second = (ObjectLocation("podcasts-in", f"raw/ep-1/{name}") for name in ("1-a.wav", "2-a.wav"))
    assert [part.source for part in job.parts] == [first, ObjectLocation("podcasts-in", "b.mp3"), second, first]
    assert uploads == {first: files[0], second: files[1]}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["s3://in-bucket/a.wav", "s3://In/b.wav", *_TARGET], "SOURCE: the bucket's name must be"),
        (["s3://in-bucket/a.wav", "ftp://in/b.wav", *_TARGET], "SOURCE: must be s3://bucket/key or a local file"),
        (["s3://in-bucket/a.wav", "b.wav", *_TARGET], "a local SOURCE needs --upload-to"),
        (["s3://in-bucket/a.wav"] * 17 + _TARGET, "SOURCE: must be 1 to 16, not 17"),
        (["s3://in-bucket/a.wav", *_TARGET, "--crossfade-seconds", "1"], "--crossfade-seconds: must be 0 where there"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_typed(words: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_job(parse(["submit", *words]))

    assert str(refused.value).startswith(problem)


# --- the gateway ---------------------------------------------------------------------------------------------------


def test_the_gateway_asks_of_each_source_where_it_lies() -> None:
    prefixes = Prefixes("s3://podcasts-in/", "s3://podcasts-out/")
    prefixes.check(_job([_A, _B]))

    with pytest.raises(InvalidMessageError, match=r"^source\[1\]\.source: must lie under s3://podcasts-in/$"):
        prefixes.check(_job([_A, {"source": "s3://elsewhere/b.mp3"}]))
