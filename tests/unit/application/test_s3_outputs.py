"""Which outputs may be asked for of every new object, and how their targets are made."""

from __future__ import annotations

import json

import pytest

from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation

SOURCE = ObjectLocation("in-bucket", "shows/2026/ep 1.final.wav")


def outputs(*targets: str) -> S3EventOutputs:
    return S3EventOutputs(json.dumps([{"target": target, "format": "mp3"} for target in targets]))


def target_of(template: str, source: ObjectLocation = SOURCE) -> str:
    return str(outputs(template).job(source, "v1").outputs[0].target)


@pytest.mark.parametrize(
    ("template", "target"),
    [
        ("s3://{bucket}-out/{key}", "s3://in-bucket-out/shows/2026/ep 1.final.wav"),
        ("s3://out-bucket/{folder}{stem}.mp3", "s3://out-bucket/shows/2026/ep 1.final.mp3"),
        ("s3://out-bucket/{name}.mp3", "s3://out-bucket/ep 1.final.wav.mp3"),
        ("s3://out-bucket/{stem}/{stem}.mp3", "s3://out-bucket/ep 1.final/ep 1.final.mp3"),
    ],
)
def test_placeholders_are_filled_from_the_object(template: str, target: str) -> None:
    assert target_of(template) == target


def test_an_object_without_folder_or_extension_is_filled_in_as_well() -> None:
    assert target_of("s3://out-bucket/{folder}{stem}.mp3", ObjectLocation("in-bucket", "a")) == "s3://out-bucket/a.mp3"


def test_a_key_that_looks_like_a_placeholder_is_only_a_key() -> None:
    assert target_of("s3://out-bucket/{key}", ObjectLocation("in-bucket", "{bucket}{x}")) == (
        "s3://out-bucket/{bucket}{x}"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "outputs: is not JSON (line 1, column 1)"),
        ("[NaN]", "outputs: is not JSON (NaN)"),
        ("{}", "outputs: must be a list"),
        ("[]", "outputs: must be 1 to 16, not 0"),
        ("[7]", "outputs[0]: must be an object"),
        ('[{"format": "mp3"}]', "outputs[0].target: is required"),
        ('[{"target": 7, "format": "mp3"}]', "outputs[0].target: must be a string"),
        ('[{"target": "s3://out/{key}", "format": "mp4"}]', "outputs[0].format: must be one of mp3"),
        ('[{"target": "s3://out/{key}", "format": "flac", "bitrate_kbps": 1}]', "outputs[0].bitrate_kbps: cannot"),
        ('[{"target": "out/{key}", "format": "mp3"}]', "outputs[0].target: must be s3://bucket/key"),
        (
            '[{"target": "s3://out/{Key}", "format": "mp3"}]',
            "outputs[0].target: may hold no other braces than {bucket}",
        ),
        ('[{"target": "s3://out/a.mp3", "format": "mp3"}]', "outputs[0].target: must hold {key}"),
        ('[{"target": "s3://out/{folder}a.mp3", "format": "mp3"}]', "outputs[0].target: must hold {key}"),
        ('[{"target": "s3://{bucket}/{key}", "format": "mp3"}]', "outputs[0].target: is the source"),
    ],
)
def test_outputs_that_no_message_could_have_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        S3EventOutputs(text)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("template", "url", "may_be"),
    [
        ("s3://out-bucket/{stem}.mp3", "s3://out-bucket/x/a.mp3", True),
        ("s3://out-bucket/{stem}.mp3", "s3://out-bucket/a.wav", False),
        ("s3://out-bucket/{stem}.mp3", "s3://in-bucket/a.mp3", False),
        ("s3://{bucket}/out/{stem}.mp3", "s3://in-bucket/out/a.mp3", True),
        ("s3://{bucket}/out/{stem}.mp3", "s3://in-bucket/in/out/a.mp3", False),
        ("s3://{bucket}/{folder}small/{name}", "s3://in-bucket/a/small/b", True),
        ("s3://{bucket}/{folder}small/{name}", "s3://in-bucket/a/large/b", False),
        ("s3://out-bucket/aa{key}aa", "s3://out-bucket/aaa", False),
    ],
)
def test_an_object_that_a_target_could_have_named_is_recognised(template: str, url: str, may_be: bool) -> None:
    assert outputs(template).may_have_made(ObjectLocation.parse(url)) is may_be


def test_they_are_shown_as_they_were_given() -> None:
    text = '[ {"target": "s3://out/{key}", "format": "mp3"} ]'
    assert str(S3EventOutputs(text)) == text
