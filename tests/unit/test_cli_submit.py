"""`worker submit`: from what is typed to a job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker.cli.arguments import parse
from worker.cli.exits import UsageError
from worker.cli.submit import new_job_id, read_job
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
def test_the_extension_says_the_format(audio_format: AudioFormat) -> None:
    for extension in FORMATS[audio_format].extensions:
        job = job_of("s3://in-bucket/a.wav", "--output", f"s3://out-bucket/a.{extension.upper()}")
        assert job.outputs[0].format is audio_format


def test_an_option_that_cannot_be_read_is_refused_with_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        job_of("s3://in-bucket/a.wav", *TARGET, "--bitrate-kbps", "high")
    assert "argument --bitrate-kbps: must be a whole number" in capsys.readouterr().err


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


def test_an_extension_that_is_no_format_needs_one() -> None:
    with pytest.raises(UsageError, match=r"outputs\[0\].format: must be one of"):
        job_of("s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.mp4")


def test_a_local_file_goes_where_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "take one.wav"
    file.touch()
    arguments = parse(["submit", str(file), "--upload-to", "s3://in-bucket/raw/", *TARGET, "--job-id", "ep-1"])
    job, local = read_job(arguments)
    assert (str(job.source), local) == ("s3://in-bucket/raw/ep-1/take one.wav", file)
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
