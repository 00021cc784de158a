"""What a message may ask of a waveform depends on the end of its target; the rest is refused with its field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.message import parse_job
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec


def output_of(target: str, **options: Any) -> OutputSpec:
    output = {"target": f"s3://podcasts-out/{target}", "format": "waveform", **options}
    return parse_job(json.dumps({"job_id": "ep", "source": "s3://podcasts-in/ep.wav", "outputs": [output]})).outputs[0]


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("ep.json", "application/json"),
        ("ep.DAT", "application/octet-stream"),
        ("a.b/ep.png", "image/png"),
    ],
)
def test_the_end_of_the_target_says_what_is_written(target: str, content_type: str) -> None:
    assert output_of(target).content_type == content_type


@pytest.mark.parametrize("target", ["ep", "ep.mp3", "ep.json/ep", "json"])
def test_another_end_is_refused(target: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        output_of(target)

    assert caught.value.field == "outputs[0].target"
    assert caught.value.problem == "must end with .json, .dat or .png for waveform"


@pytest.mark.parametrize(
    ("target", "option", "ends"),
    [
        ("ep.json", {"width": 100}, ".png"),
        ("ep.dat", {"height": 100}, ".png"),
        ("ep.png", {"points_per_second": 20}, ".json or .dat"),
        ("ep.png", {"bits": 8}, ".json or .dat"),
    ],
)
def test_an_option_of_another_form_is_refused(target: str, option: dict[str, int], ends: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        output_of(target, **option)

    assert caught.value.field == f"outputs[0].{next(iter(option))}"
    assert caught.value.problem == f"can be chosen for waveform only with a target that ends with {ends}"


@pytest.mark.parametrize("name", ["width", "height"])
def test_a_picture_has_16_to_8192_pixels_each_way(name: str) -> None:
    for pixels in (16, 8192):
        assert getattr(output_of("ep.png", **{name: pixels}), name) == pixels
    for pixels in (15, 8193):
        with pytest.raises(InvalidMessageError, match=name):
            output_of("ep.png", **{name: pixels})


@pytest.mark.parametrize(
    "option",
    [
        {"bitrate_kbps": 64},
        {"bits_per_sample": 16},
        {"vbr_quality": 2},
        {"loudness": {"target_lufs": -16}},
        {"points_per_second": 0},
        {"points_per_second": 1001},
        {"bits": 24},
    ],
)
def test_what_a_waveform_cannot_have_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        output_of("ep.json", **option)

    assert caught.value.field == f"outputs[0].{next(iter(option))}"
    assert "lossless" not in caught.value.problem
