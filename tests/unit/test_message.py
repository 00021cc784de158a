"""Which bodies are jobs, and what is said of those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.message import parse_job, to_body
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation, OutputSpec

MP3 = {"target": "s3://out/a.mp3", "format": "mp3"}


def body(**changes: Any) -> dict[str, Any]:
    return {"job_id": "ep-1", "source": "s3://podcasts-in/a.wav", "outputs": [MP3]} | changes


def with_output(**changes: Any) -> dict[str, Any]:
    return body(outputs=[MP3 | changes])


def without(name: str) -> dict[str, Any]:
    document = body()
    del document[name]
    return document


def refusal(text: str) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        parse_job(text)
    return caught.value


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:eu-west-1:111122223333:accesspoint/masters",
        "arn:aws-cn:s3:cn-north-1:111122223333:accesspoint:masters",
        "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/masters",
        "masters-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias",
    ],
)
def test_a_bucket_may_be_an_access_point(bucket: str) -> None:
    job = parse_job(json.dumps(body(source=f"s3://{bucket}/a/key.wav")))

    assert job.source == ObjectLocation(bucket, "a/key.wav")
    assert parse_job(to_body(job)) == job


def test_the_contracts_example_is_a_job() -> None:
    text = """{
      "job_id": "ep-0142",
      "source": "s3://podcasts-in/ep-0142.wav",
      "outputs": [
        {"target": "s3://podcasts-out/ep-0142.mp3", "format": "mp3", "bitrate_kbps": 192},
        {"target": "s3://podcasts-out/ep-0142.opus", "format": "opus", "bitrate_kbps": 64, "channels": 1}
      ]
    }"""
    job = Job(
        "ep-0142",
        ObjectLocation("podcasts-in", "ep-0142.wav"),
        (
            OutputSpec(ObjectLocation("podcasts-out", "ep-0142.mp3"), AudioFormat.MP3, bitrate_kbps=192),
            OutputSpec(ObjectLocation("podcasts-out", "ep-0142.opus"), AudioFormat.OPUS, bitrate_kbps=64, channels=1),
        ),
    )
    assert parse_job(text) == job
    assert parse_job(to_body(job)) == job


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_every_format_of_the_contract_is_known(audio_format: AudioFormat) -> None:
    target = f"s3://out-bucket/a{FORMATS[audio_format].endings[0]}"
    document = with_output(format=audio_format.value, target=target)
    assert parse_job(json.dumps(document)).outputs[0].format is audio_format


@pytest.mark.parametrize("key", ["a b/ü 東京.wav", "a?b#c%20d+e", "//a", "a\\b", "../x", "a@b:c"])
def test_a_key_may_hold_any_character(key: str) -> None:
    assert parse_job(json.dumps(body(source=f"s3://in-bucket/{key}"))).source == ObjectLocation("in-bucket", key)


def test_an_option_that_is_null_is_not_given() -> None:
    assert parse_job(json.dumps(with_output(channels=None))) == parse_job(json.dumps(body()))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (without("job_id"), "job_id"),
        (without("source"), "source"),
        (without("outputs"), "outputs"),
        (body(priority=3), "priority"),
        (body(**{"": 3}), "''"),
        (body(job_id=7), "job_id"),
        (body(job_id=""), "job_id"),
        (body(job_id="a" * 129), "job_id"),
        (body(job_id="a/b"), "job_id"),
        (body(job_id="a\n"), "job_id"),
        (body(job_id="ä"), "job_id"),
        (body(source=None), "source"),
        (body(source="https://in/a.wav"), "source"),
        (body(source="s3://in-bucket/"), "source"),
        (body(source="s3://in-bucket/" + "ü" * 513), "source"),
        (body(source="s3://in-bucket/\ud800"), "source"),
        (body(outputs={}), "outputs"),
        (body(outputs=[]), "outputs"),
        (body(outputs=[MP3 | {"target": f"s3://out/{index}.mp3"} for index in range(17)]), "outputs"),
        (body(outputs=[MP3, "mp3"]), "outputs[1]"),
        (body(outputs=[MP3, {"target": "s3://out/b", "format": "mp4"}]), "outputs[1].format"),
        (body(outputs=[MP3, {"target": "s3://out/b"}]), "outputs[1].format"),
        (body(outputs=[MP3, MP3]), "outputs[1].target"),
        (with_output(target="s3://podcasts-in/a.wav"), "outputs[0].target"),
        (with_output(target="out/a.mp3"), "outputs[0].target"),
        (with_output(format="MP3"), "outputs[0].format"),
        (with_output(bit_rate=128), "outputs[0].bit_rate"),
        (with_output(bitrate_kbps="128"), "outputs[0].bitrate_kbps"),
        (with_output(bitrate_kbps=128.0), "outputs[0].bitrate_kbps"),
        (with_output(bitrate_kbps=True), "outputs[0].bitrate_kbps"),
        (with_output(bitrate_kbps=0), "outputs[0].bitrate_kbps"),
        (with_output(bitrate_kbps=100_000), "outputs[0].bitrate_kbps"),
        (with_output(bitrate_kbps=10**400), "outputs[0].bitrate_kbps"),
        (with_output(format="flac", bitrate_kbps=128), "outputs[0].bitrate_kbps"),
        (with_output(format="wav", bitrate_kbps=128), "outputs[0].bitrate_kbps"),
        (with_output(format="ogg", bitrate_kbps=128, sample_rate_hz=50_000), "outputs[0].bitrate_kbps"),
        (with_output(sample_rate_hz=44_099), "outputs[0].sample_rate_hz"),
        (with_output(format="opus", sample_rate_hz=44_100), "outputs[0].sample_rate_hz"),
        (with_output(format="flac", sample_rate_hz=-1), "outputs[0].sample_rate_hz"),
        (with_output(channels=0), "outputs[0].channels"),
        (with_output(channels=3), "outputs[0].channels"),
        ([body()], "body"),
        ("ep-1", "body"),
        (None, "body"),
    ],
)
def test_a_refusal_names_the_field(document: Any, field: str) -> None:
    error = refusal(json.dumps(document))
    assert error.field == field
    assert str(error).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{",
        '{"job_id": NaN}',
        "[" * 200_000,
        '{"a":' * 200_000,
        "1" * 10_000,
        "\ufeff{}",
        "\x00",
        "\ud800",
    ],
)
def test_what_is_not_json_is_refused_as_a_body(text: str) -> None:
    assert refusal(text).field == "body"


def test_vorbis_has_a_bitrate_below_50_khz_or_any_rate_without_one() -> None:
    for options in (
        {"bitrate_kbps": 128, "sample_rate_hz": 48_000},
        {"bitrate_kbps": 128},
        {"sample_rate_hz": 96_000},
    ):
        output = parse_job(json.dumps(with_output(format="ogg", **options))).outputs[0]
        assert (output.bitrate_kbps, output.sample_rate_hz) == (
            options.get("bitrate_kbps"),
            options.get("sample_rate_hz"),
        )


def test_a_field_that_stands_there_twice_is_refused() -> None:
    error = refusal('{"job_id": "a", "job_id": "b"}')
    assert (error.field, error.problem, error.job_id) == ("job_id", "appears more than once", None)
    error = refusal('{"job_id": "ep-1", "outputs": [{"format": "mp3", "format": "flac"}]}')
    assert (error.field, error.problem, error.job_id) == ("format", "appears more than once", "ep-1")
    assert refusal('[{"job_id": "ep-1", "a": 1, "a": 2}]').job_id is None


def test_a_refusal_has_the_job_id_where_one_can_be_read() -> None:
    assert refusal(json.dumps(with_output(format="mp4"))).job_id == "ep-1"
    assert refusal(json.dumps(without("source"))).job_id == "ep-1"
    assert refusal(json.dumps(body(job_id="a/b"))).job_id is None
    assert refusal("{").job_id is None


def test_a_refusal_never_repeats_what_the_producer_wrote_at_length() -> None:
    name = "\ud800\n" + "x" * 10_000
    assert len(str(refusal(json.dumps(body(**{name: 1}))))) < 120
    str(refusal(json.dumps(body(**{name: 1})))).encode()
    assert "Signature" not in str(refusal(json.dumps(body(source="https://b/k?X-Amz-Signature=abc"))))


@pytest.mark.parametrize(
    "name",
    ["192.168.5.4", "a..b", "xn--abc", "sthree-abc", "amzn-s3-demo-abc", "ab", "Abc", "-abc", "abc-", "a_b", "a" * 64],
)
def test_a_name_that_no_bucket_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the bucket's name"):
        ObjectLocation.parse(f"s3://{name}/a.wav")
    assert not ObjectLocation.TEXT.allows(f"s3://{name}/a.wav")


@pytest.mark.parametrize(
    "name", ["abc", "1.2.3", "1.2.3.4.5", "a.b-c", "9a9", "my-ap-abc123-s3alias", "b--use1-az4--x-s3"]
)
def test_a_name_that_a_bucket_can_have_is_taken(name: str) -> None:
    assert ObjectLocation.parse(f"s3://{name}/a..b").bucket == name
    assert ObjectLocation.TEXT.allows(f"s3://{name}/a..b")


@pytest.mark.parametrize("options", [{"end_seconds": 0}, {"start_seconds": 2, "end_seconds": 2.0}])
def test_a_cut_that_ends_before_it_begins_is_refused(options: dict[str, float]) -> None:
    output = {"target": "s3://podcasts-out/a.mp3", "format": "mp3", **options}
    with pytest.raises(InvalidMessageError, match="must be above start_seconds") as refused:
        parse_job(json.dumps({"job_id": "ep", "source": "s3://podcasts-in/a.wav", "outputs": [output]}))
    assert refused.value.field == "outputs[0].end_seconds"
