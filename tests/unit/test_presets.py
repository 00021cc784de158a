"""Presets stand for fields of an output, and the output's own fields override them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from worker import cli
from worker.application.messages.envelope import open_envelope
from worker.application.messages.message import parse_job, to_body
from worker.application.messages.presets import BUILT_IN, Presets
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.application.messages.schema import message_schema
from worker.cli.arguments import parse
from worker.cli.exits import UsageError
from worker.cli.typed_job import read_job
from worker.domain.audio import AudioFormat, Codec
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.loudness import LoudnessTarget
from worker.settings import ConfigurationError, load, read_presets

OURS = {"house-style": {"format": "ogg", "vbr_quality": 6}, "quiet": {"loudness": {"target_lufs": -30}}}
TARGET = "s3://podcasts-out/ep"
HINT = "; the preset telephony has it, and null takes it away"


def body(**output: Any) -> str:
    outputs = [{"target": TARGET, **output}]
    return json.dumps({"job_id": "ep", "source": "s3://podcasts-in/ep.wav", "outputs": outputs})


def output_of(presets: Presets = BUILT_IN, **output: Any) -> OutputSpec:
    return parse_job(body(**output), presets).outputs[0]


@pytest.fixture
def presets_file(tmp_path: Path) -> Path:
    path = tmp_path / "presets.json"
    path.write_text(json.dumps(OURS))
    return path


def test_the_built_in_ones_are_what_people_who_publish_sound_ask_for() -> None:
    assert list(BUILT_IN.fields) == [
        *("podcast", "speech-to-text", "voice-message", "audiobook", "broadcast", "telephony", "streaming", "preview")
    ]
    specs = {name: output_of(preset=name) for name in BUILT_IN.fields}
    target = ObjectLocation("podcasts-out", "ep")
    loudness = {name: LoudnessTarget(lufs) for name, lufs in (("pod", -16), ("cast", -23), ("stream", -14))}
    assert specs == {
        "podcast": OutputSpec(target, AudioFormat.MP3, loudness=loudness["pod"]),
        "speech-to-text": OutputSpec(target, AudioFormat.FLAC, sample_rate_hz=16_000, channels=1),
        "voice-message": OutputSpec(target, AudioFormat.OPUS, bitrate_kbps=24, channels=1),
        "audiobook": OutputSpec(target, AudioFormat.M4A),
        "broadcast": OutputSpec(
            target, AudioFormat.WAV, sample_rate_hz=48_000, bits_per_sample=24, loudness=loudness["cast"]
        ),
        "telephony": OutputSpec(target, AudioFormat.WAV, codec=Codec.MULAW, sample_rate_hz=8000, channels=1),
        "streaming": OutputSpec(target, AudioFormat.M4A, loudness=loudness["stream"]),
        "preview": OutputSpec(target, AudioFormat.MP3, end_seconds=30, fade_in_seconds=0.5, fade_out_seconds=2),
    }


def test_an_outputs_own_fields_override_the_presets() -> None:
    own = output_of(preset="podcast", format="opus", loudness={"target_lufs": -20}, channels=1)

    assert own == OutputSpec(
        ObjectLocation("podcasts-out", "ep"), AudioFormat.OPUS, loudness=LoudnessTarget(-20), channels=1
    )
    assert output_of(preset=None, format="mp3").format is AudioFormat.MP3


def test_null_takes_a_field_of_the_preset_away() -> None:
    target = ObjectLocation("podcasts-out", "ep")

    assert output_of(preset="podcast", loudness=None) == OutputSpec(target, AudioFormat.MP3)
    assert output_of(preset="voice-message", bitrate_kbps=None) == OutputSpec(target, AudioFormat.OPUS, channels=1)
    as_mp3 = output_of(preset="telephony", format="mp3", codec=None)
    assert as_mp3 == OutputSpec(target, AudioFormat.MP3, sample_rate_hz=8000, channels=1)
    assert output_of(preset="podcast", bitrate_kbps=None) == output_of(preset="podcast")


@pytest.mark.parametrize(
    ("output", "refusal"),
    [
        ({"preset": "telephony", "format": "mp3"}, f"codec: cannot be chosen for mp3{HINT}"),
        (
            {"preset": "telephony", "bits_per_sample": 16},
            f"codec: mulaw can be chosen for wav only without a bits_per_sample{HINT}",
        ),
        ({"preset": "telephony", "format": "mp3", "codec": "pcm"}, "codec: cannot be chosen for mp3"),
        ({"preset": "podcast", "bits": 8}, "bits: cannot be chosen for mp3"),
        ({"preset": 3}, "preset: must be a string"),
    ],
)
def test_a_refusal_of_a_field_that_the_message_does_not_show_names_its_preset(
    output: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(InvalidMessageError) as refused:
        output_of(**output)

    assert str(refused.value) == f"outputs[0].{refusal}"


@pytest.mark.parametrize(
    "name", ["outputs[0].codec", "outputs[1].codec", "outputs[٣].codec", f"outputs[{'9' * 50}].codec"]
)
def test_a_member_of_the_message_that_is_named_as_a_field_of_an_output_is_refused_as_any_other(name: str) -> None:
    document = json.loads(body(preset="telephony"))

    with pytest.raises(InvalidMessageError) as refused:
        parse_job(json.dumps({**document, name: 1}))

    assert refused.value.problem == "is not known"


def test_a_job_is_kept_with_the_fields_so_that_a_changed_preset_changes_no_retry() -> None:
    job = parse_job(body(preset="house-style"), Presets(OURS))

    kept = json.loads(to_body(job))["outputs"][0]
    assert kept == {"target": TARGET, "format": "ogg", "vbr_quality": 6}
    assert parse_job(to_body(job)) == job


@pytest.mark.parametrize(
    ("output", "field", "problem"),
    [
        ({"preset": "radio"}, "preset", "radio is none of podcast, speech-to-text"),
        ({"preset": 3}, "preset", "must be a string"),
        ({"preset": "podcast", "bits_per_sample": 16}, "bits_per_sample", "cannot be chosen for mp3"),
        ({"preset": "broadcast", "format": "mp3"}, "bits_per_sample", "cannot be chosen for mp3"),
        ({"preset": None}, "format", "is required"),
        ({"preset": "podcast", "format": None}, "format", "must be a string"),
        ({"preset": "podcast", "unheard_of": 1}, "unheard_of", "is not known"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(output: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(InvalidMessageError, match=problem) as refused:
        output_of(**output)
    assert refused.value.field == f"outputs[0].{field}"
    assert refused.value.job_id == "ep"


@pytest.mark.parametrize("preset", [*BUILT_IN.fields, "house-style"])
def test_the_schema_of_messages_takes_a_preset_in_place_of_a_format(preset: str) -> None:
    schema = Draft202012Validator(message_schema())

    assert schema.is_valid(json.loads(body(preset=preset)))
    assert not schema.is_valid(json.loads(body(preset=preset, format=None)))
    assert schema.is_valid(json.loads(body(preset=preset, format="mp3")))
    assert schema.is_valid(json.loads(body(preset=None, format="mp3")))
    assert not schema.is_valid(json.loads(body(preset=None, format=None)))
    assert not schema.is_valid(json.loads(body()))
    assert not schema.is_valid(json.loads(body(preset=3, format="mp3")))


def test_a_worker_takes_messages_with_the_presets_of_its_file(presets_file: Path) -> None:
    settings = load({"AWS_REGION": "eu-west-1", "WORKER_PRESETS": str(presets_file)}, needs=())

    (job,) = open_envelope(body(preset="house-style"), None, settings.presets).entries

    assert isinstance(job, Job)
    assert job.outputs[0].vbr_quality == 6
    assert settings.presets.fields["podcast"] == BUILT_IN.fields["podcast"]


def test_new_objects_in_s3_can_have_outputs_with_a_preset(presets_file: Path) -> None:
    outputs = json.dumps([{"target": "s3://podcasts-out/{stem}.ogg", "preset": "house-style"}])

    settings = load(
        {"AWS_REGION": "eu-west-1", "WORKER_PRESETS": str(presets_file), "WORKER_S3_EVENT_OUTPUTS": outputs}, needs=()
    )

    assert isinstance(settings.s3_event_outputs, S3EventOutputs)
    job = settings.s3_event_outputs.job(ObjectLocation("podcasts-in", "ep.wav"), "1")
    assert job.outputs[0].format is AudioFormat.OGG


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "must be an object"),
        ("{", "JSON"),
        ('{"a b": {}}', "a preset's name must be"),
        ('{"mine": 3}', "mine: must be an object of an output's fields"),
        ('{"mine": {"target": "s3://bucket/key"}}', "mine.target: is no field that a preset can have"),
        ('{"mine": {"preset": "podcast"}}', "mine.preset: is no field that a preset can have"),
        ('{"mine": {"format": "mp4"}}', "mine.format: must be one of"),
        ('{"mine": {"format": "mp3", "bits_per_sample": 16}}', "mine.bits_per_sample: cannot be chosen for mp3"),
        ('{"mine": {"loudness": {"target_lufs": 3}}}', "mine.loudness.target_lufs: must be from -70 to -5"),
        ('{"mine": {"vbr_quality": 2, "bits_per_sample": 16}}', "cannot be chosen for"),
    ],
)
def test_a_file_that_no_output_could_use_stops_the_start(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "presets.json"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=problem) as refused:
        read_presets({"WORKER_PRESETS": str(path)})
    (fault,) = refused.value.faults
    assert fault.names == ("WORKER_PRESETS",)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load({"AWS_REGION": "eu-west-1", "WORKER_PRESETS": str(tmp_path / "none.json")}, needs=())


def test_the_command_lists_names_and_fields(
    presets_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKER_PRESETS", str(presets_file))

    assert cli.main(["presets", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**BUILT_IN.fields, **OURS}
    assert cli.main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*BUILT_IN.fields, *OURS]
    assert '"target_lufs": -16' in lines[0]

    monkeypatch.setenv("WORKER_PRESETS", "/nowhere/presets.json")
    assert cli.main(["presets"]) == 78


def test_submit_has_a_flag_and_takes_the_format_from_the_preset_or_else_from_the_target() -> None:
    def typed(*flags: str) -> OutputSpec:
        arguments = ["submit", "s3://podcasts-in/ep.wav", "--output", f"{TARGET}.wav", *flags]
        return read_job(parse(arguments), Presets(OURS))[0].outputs[0]

    assert typed("--preset", "podcast").format is AudioFormat.MP3
    assert typed("--preset", "podcast", "--format", "opus").format is AudioFormat.OPUS
    assert typed("--preset", "quiet").format is AudioFormat.WAV
    assert typed("--preset", "quiet").loudness == LoudnessTarget(-30)
    with pytest.raises(UsageError, match=r"--preset of --output s3://podcasts-out/ep.wav: radio is none of podcast"):
        typed("--preset", "radio")
