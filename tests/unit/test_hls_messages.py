"""What a message may ask of a stream; the rest is refused with the name of the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.message import parse_job, to_body
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.cli.arguments import parse
from worker.cli.typed_job import read_job
from worker.domain.audio import AudioFormat
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.progress import Version
from worker.domain.stream_layout import attempt_directory, job_directory

STREAM = {"target": "s3://podcasts-out/ep/", "format": "hls"}
FILE = {"target": "s3://podcasts-out/ep.mp3", "format": "mp3"}


def job_of(*outputs: dict[str, Any], source: str = "s3://podcasts-in/ep.wav") -> Job:
    return parse_job(json.dumps({"job_id": "ep", "source": source, "outputs": outputs}))


def refusal_of(*outputs: dict[str, Any], source: str = "s3://podcasts-in/ep.wav") -> tuple[str, str]:
    with pytest.raises(InvalidMessageError) as caught:
        job_of(*outputs, source=source)
    return caught.value.field, caught.value.problem


def test_a_stream_has_a_playlist_beneath_its_target_and_its_bitrates_in_their_order() -> None:
    (output,) = job_of({**STREAM, "bitrates_kbps": [128, 64], "segment_seconds": 4}).outputs

    assert output.visible_at == ObjectLocation("podcasts-out", "ep/master.m3u8")
    assert output.content_type == "application/vnd.apple.mpegurl"
    assert [each.bitrate_kbps for each in output.renditions] == [128, 64]


def test_a_stream_is_read_back_from_its_body() -> None:
    job = job_of({**STREAM, "bitrates_kbps": [128, 64], "segment_seconds": 2.5})

    assert parse_job(to_body(job)) == job


def test_a_stream_may_have_a_single_bitrate() -> None:
    (output,) = job_of({**STREAM, "bitrate_kbps": 96}).outputs

    assert [each.bitrate_kbps for each in output.renditions] == [96]


def test_the_target_of_a_stream_is_a_prefix() -> None:
    without = refusal_of({**STREAM, "target": "s3://podcasts-out/ep"})
    with_file_name = refusal_of({**STREAM, "target": "s3://podcasts-out/ep/master.m3u8"})

    is_a_prefix = "must end with / for hls: it is a prefix of several objects"
    assert without == with_file_name == ("outputs[0].target", is_a_prefix)


@pytest.mark.parametrize("target", ["s3://podcasts-out/", "s3://podcasts-out"])
def test_a_bucket_alone_is_no_target_of_a_stream(target: str) -> None:
    no_key = "must be s3://bucket/key, and there is no key"

    assert refusal_of({**STREAM, "target": target}) == ("outputs[0].target", no_key)


def test_the_key_of_anything_else_may_end_like_a_prefix_and_is_one_object() -> None:
    (output,) = job_of({**FILE, "target": "s3://podcasts-out/ep/"}).outputs

    assert output.visible_at == output.target == ObjectLocation("podcasts-out", "ep/")


def test_names_beneath_the_target_fit_into_a_key() -> None:
    longest = "é" * 471 + "a/"

    assert len(longest.encode()) == 944
    assert job_of({**STREAM, "target": f"s3://podcasts-out/{longest}"}).outputs[0].target.key == longest
    assert refusal_of({**STREAM, "target": f"s3://podcasts-out/a{longest}"}) == (
        "outputs[0].target",
        "must have at most 944 bytes in UTF-8 for hls",
    )


_LIST = "must be 1 to 6 different ones, each from 8 to 512 for hls"


@pytest.mark.parametrize(
    ("options", "field", "problem"),
    [
        ({"bitrates_kbps": []}, "bitrates_kbps", _LIST),
        ({"bitrates_kbps": [32, 48, 64, 96, 128, 192, 256]}, "bitrates_kbps", _LIST),
        ({"bitrates_kbps": [64, 128, 64]}, "bitrates_kbps", _LIST),
        ({"bitrates_kbps": [64, 7]}, "bitrates_kbps", _LIST),
        ({"bitrates_kbps": [513]}, "bitrates_kbps", _LIST),
        ({"bitrates_kbps": 64}, "bitrates_kbps", "must be a list"),
        ({"bitrates_kbps": ["64"]}, "bitrates_kbps[0]", "must be a whole number"),
        ({"bitrates_kbps": [True]}, "bitrates_kbps[0]", "must be a whole number"),
        ({"segment_seconds": 1}, "segment_seconds", "must be from 2 to 20 for hls"),
        ({"segment_seconds": 20.5}, "segment_seconds", "must be from 2 to 20 for hls"),
        (
            {"bitrates_kbps": [64], "bitrate_kbps": 64},
            "bitrate_kbps",
            "can be chosen for hls only without a bitrates_kbps",
        ),
        ({"vbr_quality": 2}, "vbr_quality", "cannot be chosen for hls"),
        ({"bits_per_sample": 16}, "bits_per_sample", "cannot be chosen for hls, which is lossy"),
        ({"codec": "pcm"}, "codec", "cannot be chosen for hls"),
        ({"tags": {"title": "x"}}, "tags", "cannot be chosen for hls, which has no place for tags"),
        ({"keep_tags": False}, "keep_tags", "cannot be chosen for hls, which has no place for tags"),
        ({"cover": "drop"}, "cover", "cannot be chosen for hls, which has no place for a cover"),
        ({"points_per_second": 20}, "points_per_second", "cannot be chosen for hls"),
    ],
)
def test_what_a_stream_cannot_have_is_refused_by_its_name(options: dict[str, Any], field: str, problem: str) -> None:
    assert refusal_of({**STREAM, **options}) == (f"outputs[0].{field}", problem)


@pytest.mark.parametrize("audio_format", sorted(set(AudioFormat) - {AudioFormat.HLS}))
@pytest.mark.parametrize("option", [{"bitrates_kbps": [64]}, {"segment_seconds": 6}])
def test_only_a_stream_has_several_bitrates_and_segments(audio_format: AudioFormat, option: dict[str, Any]) -> None:
    target = "s3://podcasts-out/ep.json" if audio_format is AudioFormat.WAVEFORM else "s3://podcasts-out/ep"

    refused = refusal_of({"target": target, "format": audio_format.value, **option})

    assert refused == (f"outputs[0].{next(iter(option))}", f"cannot be chosen for {audio_format}")


MADE = [
    "s3://podcasts-out/ep/master.m3u8",
    f"s3://podcasts-out/ep/{attempt_directory('ep', Version(7, 1))}64k/00000.m4s",
    f"s3://podcasts-out/ep/{job_directory('ep')}a.mp3",
]


@pytest.mark.parametrize("made", MADE)
def test_nothing_else_of_the_job_is_an_object_that_a_stream_has(made: str) -> None:
    file = {**FILE, "target": made}

    assert refusal_of(STREAM, file) == ("outputs[1].target", "is one of the objects beneath the target of outputs[0]")
    assert refusal_of(file, STREAM) == ("outputs[0].target", "is one of the objects beneath the target of outputs[1]")
    assert refusal_of(STREAM, source=made) == ("outputs[0].target", "would put an object in the place of a source")
    with_cover = {**FILE, "cover": made}
    assert refusal_of(with_cover, STREAM) == (
        "outputs[1].target",
        "would put an object in the place of an output's cover",
    )


def test_no_stream_lies_among_the_segments_of_another() -> None:
    inner = {**STREAM, "target": f"s3://podcasts-out/ep/{job_directory('ep')}"}

    assert refusal_of(STREAM, inner) == ("outputs[1].target", "is one of the objects beneath the target of outputs[0]")
    assert refusal_of(STREAM, STREAM) == ("outputs[1].target", "is the target of outputs[0], too")


def test_files_and_other_streams_may_lie_beneath_the_target_of_a_stream() -> None:
    job = job_of(
        STREAM,
        {**FILE, "target": "s3://podcasts-out/ep/a.mp3", "cover": "s3://podcasts-out/ep/cover.jpg"},
        {**STREAM, "target": "s3://podcasts-out/ep/hls/"},
        source="s3://podcasts-out/ep/a.wav",
    )

    assert len(job.outputs) == 3


def test_what_only_begins_alike_is_beside_a_stream() -> None:
    job = job_of(
        STREAM,
        FILE,
        {**STREAM, "target": "s3://podcasts-out/ep-2/"},
        {**FILE, "target": "s3://other-bucket/ep/a.mp3"},
        source="s3://podcasts-out/ep.wav",
    )

    assert len(job.outputs) == 4


def test_a_stream_is_asked_for_on_the_command_line() -> None:
    arguments = ["s3://podcasts-in/ep.wav", "--output", "s3://podcasts-out/ep/", "--bitrates-kbps", "[64, 128]"]
    job, _ = read_job(parse(["submit", *arguments, "--segment-seconds", "4", "--job-id", "ep"]))

    assert job == job_of({**STREAM, "bitrates_kbps": [64, 128], "segment_seconds": 4})


@pytest.mark.parametrize("target", ["{bucket}/out/{stem}/", "{bucket}/{folder}{stem}/"])
def test_what_is_made_beneath_a_stream_begins_no_job_of_its_own(target: str) -> None:
    outputs = S3EventOutputs(json.dumps([{"target": f"s3://{target}", "format": "hls"}]))
    directory = attempt_directory("ep", Version(7, 1))

    for key in ("out/ep/master.m3u8", f"out/ep/{directory}64k/00000.m4s", f"out/ep/{directory}64k/init.mp4"):
        assert outputs.may_have_made(ObjectLocation("podcasts", key)), key


@pytest.mark.parametrize("target", ["{bucket}/out/{stem}/", "{bucket}/{folder}{stem}/"])
@pytest.mark.parametrize("key", ["in/ep.wav", "out/ep/a.wav", "a/b/c/ep.wav", "ep.wav", "in/64k/00000.m4s"])
def test_an_upload_beside_or_beneath_a_stream_begins_a_job(target: str, key: str) -> None:
    outputs = S3EventOutputs(json.dumps([{"target": f"s3://{target}", "format": "hls"}]))

    assert not outputs.may_have_made(ObjectLocation("podcasts", key))
