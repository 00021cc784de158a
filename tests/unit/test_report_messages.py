"""What a message may ask of a report; the rest is refused with the name of the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.message import parse_job
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec


def output_of(target: str = "ep.report.json", **options: Any) -> OutputSpec:
    output = {"target": f"s3://podcasts-out/{target}", "format": "report", **options}
    return parse_job(json.dumps({"job_id": "ep", "source": "s3://podcasts-in/ep.wav", "outputs": [output]})).outputs[0]


@pytest.mark.parametrize("target", ["ep.report.json", "ep.json", "ep", "ep.mp3", "a.b/ep.png"])
def test_a_report_is_json_wherever_it_is_written(target: str) -> None:
    assert output_of(target).content_type == "application/json"


@pytest.mark.parametrize(
    "option",
    [
        {"start_seconds": 1, "end_seconds": 2.5},
        {"fade_in_seconds": 1, "fade_out_seconds": 1},
        {"trim_silence": {"threshold_db": -60}},
        {"pick_channel": 2},
        {"channels": 1, "sample_rate_hz": 8000},
    ],
)
def test_a_report_may_be_on_a_part_a_channel_or_a_mix(option: dict[str, Any]) -> None:
    output = output_of(**option)

    assert all(getattr(output, name) is not None for name in option)


@pytest.mark.parametrize(
    "option",
    [
        {"bitrate_kbps": 64},
        {"bits_per_sample": 16},
        {"vbr_quality": 2},
        {"codec": "pcm"},
        {"loudness": {"target_lufs": -16}},
        {"tags": {"title": "A"}},
        {"keep_tags": False},
        {"cover": "drop"},
        {"points_per_second": 20},
        {"bits": 8},
        {"width": 100},
        {"height": 100},
    ],
)
def test_what_a_report_cannot_have_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        output_of(**option)

    assert caught.value.field == f"outputs[0].{next(iter(option))}"
    assert caught.value.problem == "cannot be chosen for report"


def test_the_preset_of_a_sound_is_none_of_a_report() -> None:
    with pytest.raises(InvalidMessageError) as caught:
        output_of(preset="podcast")

    assert caught.value.field == "outputs[0].loudness"
