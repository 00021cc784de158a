"""`worker submit`: from what is typed to a job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker.cli.arguments import parse
from worker.cli.exits import UsageError
from worker.cli.typed_job import read_job
from worker.client import new_job_id
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import options_of
from worker.domain.job import Job, ObjectLocation, OutputSpec

TARGET = ["--output", "s3://out-bucket/a.mp3"]


def job_of(*argv: str) -> Job:
    return read_job(parse(["submit", *argv]))[0]


def test_what_is_typed_is_the_job() -> None:
    job = job_of("s3://in-bucket/a b.wav", *TARGET, "--bitrate-kbps", "192", "--job-id", "ep-1")
    output = OutputSpec(ObjectLocation("out-bucket", "a.mp3"), AudioFormat.MP3, bitrate_kbps=192)
    assert job == Job("ep-1", ObjectLocation("in-bucket", "a b.wav"), (output,))


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_end_of_the_target_says_the_format(audio_format: AudioFormat) -> None:
    for ending in FORMATS[audio_format].endings:
        job = job_of("s3://in-bucket/a.wav", "--output", f"s3://out-bucket/a{ending.upper()}")
        assert job.outputs[0].format is audio_format


def test_an_option_that_cannot_be_read_is_refused_with_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        job_of("s3://in-bucket/a.wav", *TARGET, "--bitrate-kbps", "high")
    assert "argument --bitrate-kbps: must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--start-seconds", "--crossfade-seconds"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400"])
def test_a_number_that_json_does_not_know_is_refused_with_its_flag(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        job_of("s3://in-bucket/a.wav", *TARGET, flag, value)
    assert f"argument {flag}: must be a number" in capsys.readouterr().err


def test_help_says_which_options_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["submit", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "--loudness JSON" in words
    assert "--cover keep|drop|s3://BUCKET/KEY" in words
    assert "--codec pcm|float|mulaw|alaw" in words


def test_help_says_what_each_option_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["submit", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    for name, (_, option) in options_of(OutputSpec).items():
        assert f"--{name.replace('_', '-')}" in words
        assert option.meaning in words


def test_a_given_format_outweighs_the_extension() -> None:
    job = job_of("s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.m4a", "--format", "alac")
    assert job.outputs[0].format is AudioFormat.ALAC


LOCAL = ["{file}", "--upload-to"]


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.mp4"], "--output s3://out-bucket/a.mp4: its exten"),
        (["s3://in-bucket/a.wav", "--output", "s3://out-bucket/a"], "give --format, one of mp3, m4a"),
        (["s3://in-bucket/a.wav", "--output", "s3://out-bucket/mp3"], "--output s3://out-bucket/mp3: its extension"),
        (["s3://in-bucket/a.wav", "--output", "out/a.mp3"], "--output out/a.mp3: must be s3://bucket/key"),
        (["s3://in-bucket/a.wav", "--output", "s3://in-bucket/a.wav"], "--output s3://in-bucket/a.wav: is the source"),
        (["s3://in-bucket/a.wav", *TARGET, *TARGET], "is the target of --output s3://out-bucket/a.mp3, too"),
        (
            ["s3://in-bucket/a.wav", *TARGET, "--bitrate-kbps", "7"],
            "--bitrate-kbps of --output s3://out-bucket/a.mp3: must be",
        ),
        (["s3://In/a.wav", *TARGET], "SOURCE: the bucket's name must be 3 to 63 of a-z 0-9 . -"),
        (
            ["https://in-bucket/a.wav", *TARGET],
            "SOURCE: must be s3://bucket/key or a local file; https:// is not read",
        ),
        (["/no/such.wav", *TARGET, "--upload-to", "s3://in-bucket"], "SOURCE: /no/such.wav is not a file"),
        (["a.wav", *TARGET], "a local SOURCE needs --upload-to s3://bucket/prefix"),
        ([*LOCAL, "in-bucket", *TARGET], "--upload-to: must be s3://bucket/prefix"),
        ([*LOCAL, "s3://In", *TARGET], "--upload-to: the bucket's name must be 3 to 63"),
        ([*LOCAL, "s3://in-bucket/" + "a" * 1024, *TARGET], "--upload-to: the key is longer than 1024 bytes"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_typed(argv: list[str], problem: str, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.touch()

    with pytest.raises(UsageError) as refused:
        job_of(*(word.format(file=file) for word in argv))
    assert problem in str(refused.value)
    assert "outputs[" not in str(refused.value)


def test_a_local_file_goes_where_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "take one.wav"
    file.touch()
    arguments = parse(["submit", str(file), "--upload-to", "s3://in-bucket/raw/", *TARGET, "--job-id", "ep-1"])
    job, uploads = read_job(arguments)
    assert str(job.source) == "s3://in-bucket/raw/ep-1/take one.wav"
    assert uploads == {job.source: file}
    arguments = parse(["submit", str(file), "--upload-to", "s3://in-bucket", *TARGET, "--job-id", "ep-1"])
    assert str(read_job(arguments)[0].source) == "s3://in-bucket/ep-1/take one.wav"


def test_uploading_what_is_in_s3_already_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="--upload-to is for local files"):
        job_of("s3://in-bucket/a.wav", "--upload-to", "s3://in-bucket", *TARGET)


@pytest.mark.parametrize(
    "source", ["s3://in-bucket/ep 0142 – ü.wav", "x", ".wav", "a" * 500 + ".wav", "/tmp/ep.tar.gz"]
)
def test_an_id_that_is_made_up_is_readable_and_legal(source: str) -> None:
    job_id = new_job_id(source)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", job_id)
    assert job_id != new_job_id(source)


def test_an_id_that_is_made_up_begins_with_the_sources_name() -> None:
    assert new_job_id("s3://in-bucket/shows/ep-0142.wav").startswith("ep-0142-")
