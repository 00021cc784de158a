"""Options about tags and covers in messages: what is refused, with which field, and what comes back out of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.message import parse_job, to_body
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.cover import Cover
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation
from worker.gateway.prefixes import Prefixes


def _body(audio_format: str = "mp3", **options: Any) -> str:
    output = {"target": "s3://out/a", "format": audio_format, **options}
    return json.dumps({"job_id": "ep-1", "source": "s3://in-bucket/a.wav", "outputs": [output]})


def _refusal(body: str) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        parse_job(body)
    return caught.value


@pytest.mark.parametrize(
    "options",
    [
        {"tags": {"title": "Ein Stück – 曲", "artist": None, "My Field": "as it is", "lyrics": "one\ntwo"}},
        {"keep_tags": False},
        {"keep_tags": True},
        {"cover": "keep"},
        {"cover": "drop"},
        {"cover": "s3://covers/a b/ü.jpg"},
    ],
)
def test_what_is_asked_for_comes_back_out_of_a_message(options: dict[str, Any]) -> None:
    job = parse_job(_body(**options))

    assert json.loads(to_body(job)) == json.loads(_body(**options))


@pytest.mark.parametrize(
    ("tags", "field", "problem"),
    [
        ("title", "tags", "must be an object"),
        ({"title": 3}, "tags.title", "must be a string or null"),
        ({"title": {"de": "x"}}, "tags.title", "must be a string or null"),
        ({"": "x"}, "tags", "must have names"),
        ({"a=b": "x"}, "tags", "must have names"),
        ({"a\nb": "x"}, "tags", "must have names"),
        ({"!!": "x"}, "tags", "must have names"),
        ({"x" * 101: "x"}, "tags", "must have names"),
        ({"title": "a\0b"}, "tags", "NUL"),
        ({"title": "a\ud83d"}, "tags", "valid Unicode"),
        ({"a\udc00": "x"}, "tags", "valid Unicode"),
        ({"title": "x" * 70_000}, "tags", "65536"),
        ({"CHAPTER001": "00:00:01.000"}, "tags", "cannot set CHAPTER001"),
        ({"metadata_block_picture": "AAAA"}, "tags", "cannot set metadata_block_picture"),
        ({f"x{number}": "y" for number in range(101)}, "tags", "at most 100"),
    ],
)
def test_tags_that_no_output_can_have_are_refused_with_their_field(tags: Any, field: str, problem: str) -> None:
    refusal = _refusal(_body(tags=tags))

    assert refusal.field == f"outputs[0].{field}"
    assert problem in refusal.problem


@pytest.mark.parametrize("audio_format", ["webm", "caf"])
def test_more_text_than_a_format_can_hold_is_refused_and_not_left_out(audio_format: str) -> None:
    tags = {"lyrics": "ü" * 20_000, "comment": "x" * 30_000}

    refusal = _refusal(_body(audio_format, tags=tags))

    assert (refusal.field, refusal.problem) == (
        "outputs[0].tags",
        f"must have texts of at most 65536 bytes in UTF-8 together for {audio_format}",
    )
    assert parse_job(_body(audio_format, tags={**tags, "comment": None})).outputs[0].tags
    assert parse_job(_body("mp3", tags=tags)).outputs[0].tags


@pytest.mark.parametrize(("cover", "problem"), [("cover.jpg", "keep, drop"), ("s3://X/k", "bucket"), (3, "a string")])
def test_a_cover_that_is_no_choice_and_no_object_is_refused(cover: Any, problem: str) -> None:
    refusal = _refusal(_body(cover=cover))

    assert refusal.field == "outputs[0].cover"
    assert problem in refusal.problem


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_a_format_without_a_place_for_tags_or_a_cover_refuses_the_option(audio_format: AudioFormat) -> None:
    rules = FORMATS[audio_format]
    given: dict[str, tuple[Any, bool]] = {
        "tags": ({"title": "x"}, rules.holds_tags),
        "keep_tags": (False, rules.holds_tags),
        "cover": ("s3://covers/a.jpg", rules.holds_cover),
    }

    for name, (value, holds) in given.items():
        body = _body(audio_format.value, **{name: value})
        if holds:
            assert getattr(parse_job(body).outputs[0], name) is not None
        else:
            assert _refusal(body).field == f"outputs[0].{name}"
    assert not FORMATS[AudioFormat.AAC].holds_tags
    assert not FORMATS[AudioFormat.WEBM].holds_cover


def test_no_output_may_overwrite_a_cover() -> None:
    refusal = _refusal(_body(cover="s3://out/a"))

    assert refusal.field == "outputs[0].target"


def test_a_cover_lies_where_sources_of_the_gateway_may_lie() -> None:
    prefixes = Prefixes("s3://in-bucket/", "s3://out/")

    prefixes.check(parse_job(_body(cover="s3://in-bucket/cover.jpg")))
    with pytest.raises(InvalidMessageError) as caught:
        prefixes.check(parse_job(_body(cover="s3://secrets/cover.jpg")))

    assert caught.value.field == "outputs[0].cover"


def test_a_cover_is_written_as_it_was_read() -> None:
    for text in ("keep", "drop", "s3://covers/k"):
        assert str(Cover.parse(text)) == text
    assert Cover.parse("s3://covers/k").location == ObjectLocation("covers", "k")
