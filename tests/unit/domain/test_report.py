"""Reports: from which magnitude on a sample is clipped, what is one silence, and what the JSON says."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.loudness import Loudness
from worker.domain.report import (
    MAX_SILENCES,
    Report,
    Silence,
    full_scale,
    joined_silences,
    most_bytes,
)
from worker.domain.source_format import SourceFormat
from worker.domain.tags.collecting import MAX_BYTES, Collector, Tags

_SOURCE = SourceFormat("wav", "pcm_s16le", 48_000, 2, 16, 12.345)
_LOUDNESS = Loudness(-16.1, 5.2, -0.3)


def document_of(
    *, tags: Tags | None = None, loudness: Loudness = _LOUDNESS, silences: list[Silence] | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Report(_SOURCE, tags or {}, loudness, 7, silences or []).to_json())
    return found


def test_a_report_has_the_shape_of_the_contract() -> None:
    assert document_of(tags={"TITLE": ("A",)}, silences=[(0.5, 1.25)]) == {
        "source_audio": {
            "container": "wav",
            "codec": "pcm_s16le",
            "sample_rate_hz": 48_000,
            "channels": 2,
            "bits_per_sample": 16,
            "duration_seconds": 12.345,
        },
        "tags": {"title": "A"},
        "loudness": {"integrated_lufs": -16.1, "range_lu": 5.2, "true_peak_dbtp": -0.3},
        "clipped_samples": 7,
        "silences": [[0.5, 1.25]],
    }


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_finite_number_is_null(value: float) -> None:
    assert document_of(loudness=Loudness(-16.0, value, value))["loudness"] == {
        "integrated_lufs": -16.0,
        "range_lu": None,
        "true_peak_dbtp": None,
    }
    assert document_of(loudness=Loudness(value, 1.0, -1.0))["loudness"]["integrated_lufs"] is None


def test_a_report_with_a_number_that_json_lacks_is_none() -> None:
    with pytest.raises(ValueError, match="JSON"):
        document_of(silences=[(0.0, math.inf)])


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *(
            (name, name)
            for name in ("title", "artist", "album", "album_artist", "date", "genre", "comment", "composer")
        ),
        *(("lyrics", "lyrics"), ("track", "track"), ("disc", "disc"), ("TPE2", "TPE2"), ("BPM", "BPM")),
        ("My Own Field", "My Own Field"),
    ],
)
def test_a_tag_has_the_name_that_a_message_sets_it_by(typed: str, name: str) -> None:
    collector = Collector(is_set=True)
    collector.add(typed, "12")

    assert document_of(tags=collector.tags)["tags"] == {name: "12"}


def test_a_total_stands_beside_its_number_and_several_values_are_one_text() -> None:
    collector = Collector()
    collector.add("track", "3/12")
    collector.add("DISCTOTAL", "2")
    collector.add("artist", "Änne", "Бард")

    assert document_of(tags=collector.tags)["tags"] == {"track": "3/12", "DISCTOTAL": "2", "artist": "Änne; Бард"}
    assert "Änne; Бард".encode() in Report(_SOURCE, collector.tags, _LOUDNESS, 7, []).to_json()


def test_without_a_loudness_there_is_no_range() -> None:
    found = document_of(loudness=Loudness(None, 0.0, None))["loudness"]

    assert found == {"integrated_lufs": None, "range_lu": None, "true_peak_dbtp": None}


def test_the_first_silences_are_listed_and_no_more_than_the_limit() -> None:
    silences = [(float(number), number + 0.5) for number in range(MAX_SILENCES + 1)]

    listed = document_of(silences=silences)["silences"]

    assert listed == [list(silence) for silence in silences[:MAX_SILENCES]]


def test_the_space_for_a_report_is_enough_and_has_a_bound() -> None:
    silences = [(number + 86_400.123456, number + 86_400.654321) for number in range(MAX_SILENCES)]
    report = Report(_SOURCE, {"LYRICS": ("ä" * 100_000,)}, _LOUDNESS, 7, silences)

    assert len(report.to_json()) < most_bytes(86_400.0) == most_bytes(1e9)


@pytest.mark.parametrize(
    ("codec", "bits", "highest"),
    [
        ("pcm_u8", 8, 127 / 128),
        ("pcm_s16le", 16, 32_767 / 32_768),
        ("flac", 24, 8_388_607 / 8_388_608),
        ("pcm_s32le", 32, 2_147_483_647 / 2_147_483_648),
        ("pcm_mulaw", 8, 32_124 / 32_768),
        ("pcm_alaw", 8, 32_256 / 32_768),
        ("pcm_f64le", 64, 1.0),
    ],
)
def test_full_scale_is_the_highest_number_of_a_depth(codec: str, bits: int, highest: float) -> None:
    assert full_scale(codec, bits) == highest


def test_silences_with_a_gap_are_two_and_without_one() -> None:
    silences = [(0.0, 1.0), (1.0, 2.0), (2.0005, 3.0)]

    assert joined_silences(silences, 9.0) == [(0.0, 2.0), (2.0005, 3.0)]
    assert joined_silences(silences, 9.0, gap_seconds=0.001) == [(0.0, 3.0)]


def test_silences_have_microseconds_and_some_length() -> None:
    assert joined_silences([(0.12345649, 1.0000004)], 9.0) == [(0.123456, 1.0)]
    assert joined_silences([(1.0, 1.0), (9.0, 12.0)], 9.0) == []


def test_the_space_for_a_report_grows_with_the_silences_that_may_be_in_it() -> None:
    ends = 65_536 + MAX_BYTES

    assert [most_bytes(seconds) for seconds in (0.0, 0.4, 0.5, 10.0)] == [
        ends + 32,
        ends + 32,
        ends + 2 * 32,
        ends + 21 * 32,
    ]
    assert most_bytes(86_400.0) == ends + MAX_SILENCES * 32


_spans = st.lists(
    st.tuples(st.floats(-1, 20), st.floats(0, 5)).map(lambda span: (span[0], span[0] + span[1])), max_size=20
)


@given(_spans, st.floats(0.1, 15), st.sampled_from([0.0, 0.001]))
def test_silences_lie_within_the_sound_in_order_and_apart(spans: list[Silence], seconds: float, gap: float) -> None:
    joined = joined_silences(sorted(spans), seconds, gap_seconds=gap)

    moments = [moment for silence in joined for moment in silence]
    assert moments == sorted(moments)
    assert all(0 <= moment <= round(seconds, 6) for moment in moments)
