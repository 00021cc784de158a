"""Percent and seconds left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.audio import AudioFormat
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.loudness import LoudnessTarget
from worker.domain.meter import Meter, Speeds
from worker.domain.progress import Stage
from worker.domain.trimming import TrimSilence

D, C, U = Stage.DOWNLOADING, Stage.CONVERTING, Stage.UPLOADING


def an_output(audio_format: AudioFormat = AudioFormat.MP3, **options: Any) -> OutputSpec:
    return OutputSpec(ObjectLocation("podcasts-out", "ep"), audio_format, **options)


def planned(download: float, convert: float, upload: float) -> Meter:
    meter = Meter()
    for stage, seconds in ((D, download), (C, convert), (U, upload)):
        meter.expect(stage, seconds)
    return meter


def test_nothing_known_is_nothing_done() -> None:
    meter = Meter()

    assert meter.percent == 0
    assert meter.eta_seconds is None


def test_stages_weigh_what_they_are_expected_to_take() -> None:
    meter = planned(10, 80, 10)

    meter.advance(D, 1.0, now=10)
    assert meter.percent == 10
    meter.advance(C, 0.5, now=50)
    assert meter.percent == 50


def test_all_done_is_not_yet_a_hundred() -> None:
    meter = planned(1, 1, 1)
    for stage in Stage:
        meter.advance(stage, 1.0, now=1)

    assert meter.percent == 99.9
    assert meter.eta_seconds == 0


def test_the_time_left_follows_the_pace_of_the_stage_under_way() -> None:
    meter = planned(0.001, 100, 10)
    meter.advance(D, 1.0, now=0)
    meter.advance(C, 0.0, now=0)
    meter.advance(C, 0.25, now=50)  # twice as slow as expected: 200 s in all

    assert meter.eta_seconds == pytest.approx(150 + 10, abs=0.2)


def test_a_better_plan_never_takes_percent_back() -> None:
    meter = planned(10, 10, 1)
    meter.advance(D, 1.0, now=10)
    before = meter.percent

    meter.expect(C, 10_000)

    assert meter.percent == before


STEP = st.one_of(
    st.tuples(st.just("expect"), st.sampled_from(Stage), st.floats(0, 1e6)),
    st.tuples(st.just("advance"), st.sampled_from(Stage), st.floats(-1, 2)),
)


@given(st.lists(STEP, max_size=60))
def test_percent_never_falls_and_never_reaches_the_end(steps: list[tuple[str, Stage, float]]) -> None:
    meter = Meter()
    seen = [meter.percent]
    for now, (action, stage, value) in enumerate(steps):
        if action == "expect":
            meter.expect(stage, value)
        else:
            meter.advance(stage, value, float(now))
        seen.append(meter.percent)

        assert meter.eta_seconds is None or meter.eta_seconds >= 0

    assert seen == sorted(seen)
    assert seen[-1] <= 99.9


def test_a_worker_learns_its_own_speeds() -> None:
    speeds = Speeds()
    for _ in range(20):
        speeds.learn_download(100_000_000, 10.0)
        speeds.learn_upload(100_000_000, 20.0)
        expected = speeds.expected_conversion(600, [an_output()])
        speeds.learn_conversion(expected, 30.0)

    assert speeds.expected_download(100_000_000) == pytest.approx(10, rel=0.05)
    assert speeds.expected_upload(100_000_000, 1) == pytest.approx(20, rel=0.05)
    assert speeds.expected_conversion(600, [an_output()]) == pytest.approx(30, rel=0.05)


def test_small_objects_do_not_change_the_measured_bandwidth() -> None:
    speeds = Speeds()

    speeds.learn_download(1000, 1.0)

    assert speeds == Speeds()


def test_more_outputs_take_longer() -> None:
    speeds = Speeds()

    assert speeds.expected_conversion(60, [*map(an_output, AudioFormat)]) > speeds.expected_conversion(
        60, [an_output()]
    )


def test_a_preview_takes_hardly_longer_than_decoding_its_source() -> None:
    speeds = Speeds()

    preview = speeds.expected_conversion(3600, [an_output(start_seconds=10.0, end_seconds=40.0)])

    whole = speeds.expected_conversion(3600, [an_output()])
    assert preview < whole / 5
    assert preview > 1
    both = speeds.expected_conversion(3600, [an_output(), an_output(end_seconds=30.0)])
    assert both == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize("options", [{"loudness": LoudnessTarget(-16.0)}, {"trim_silence": TrimSilence()}])
def test_an_output_whose_sound_is_examined_takes_longer(options: dict[str, Any]) -> None:
    speeds = Speeds()

    assert speeds.expected_conversion(600, [an_output(**options)]) > 1.2 * speeds.expected_conversion(
        600, [an_output()]
    )


def test_percent_and_seconds_have_one_decimal_and_those_of_a_stage_three() -> None:
    meter = planned(1, 1, 1)
    meter.advance(D, 0.0, now=0)
    meter.advance(D, 1.0, now=0.12345)
    meter.advance(C, 0.0, now=1)
    meter.advance(C, 0.123, now=1)

    assert meter.percent == 37.4
    assert meter.eta_seconds == 1.9
    assert meter.stage_seconds == {"downloading": 0.123, "converting": 0.0, "uploading": 0.0}


def test_a_stage_is_expected_to_take_a_millisecond_at_least() -> None:
    meter = planned(0, 0.0005, 0.0007)

    assert [meter.expected_seconds(stage) for stage in (D, C, U)] == [0.001] * 3
    meter.advance(D, 0.5, now=1)
    assert meter.percent == 16.7


def test_no_stage_does_more_than_all_of_its_work() -> None:
    meter = planned(10, 10, 20)

    meter.advance(D, 2.0, now=1)

    assert meter.percent == 25
    assert meter.eta_seconds == 30


@pytest.mark.parametrize(
    ("done", "seconds", "left"),
    [
        (0.5, 1.5, 1.5),
        (0.5, 1.0, 50.0),  # too short a time to know the pace by
        (0.02, 4.0, 98.0),  # too little
        (0.03, 3.0, 97.0),
        (0.04, 3.0, 72.0),
    ],
)
def test_a_pace_is_known_after_a_second_and_a_fiftieth_of_the_work(done: float, seconds: float, left: float) -> None:
    meter = Meter()
    meter.expect(C, 100)
    meter.advance(C, 0.0, now=0)
    meter.advance(C, done, now=seconds)

    assert meter.eta_seconds == left


def test_the_bandwidth_is_learned_from_a_mebibyte_on() -> None:
    for size_bytes, seconds, is_learned in (
        ((1 << 20) - 1, 0.1, False),
        (1 << 20, 0.1, True),
        (1 << 30, 0.0, False),
        (1 << 30, -1.0, False),
    ):
        speeds = Speeds()
        speeds.learn_upload(size_bytes, seconds)
        assert (speeds != Speeds()) is is_learned


def test_a_transfer_takes_10_ms_a_request_and_its_bytes_at_the_speed() -> None:
    speeds = Speeds(download_bytes_per_second=1000.0, upload_bytes_per_second=500.0)

    assert speeds.expected_download(2000) == pytest.approx(2.01)
    assert speeds.expected_upload(2000, 3) == pytest.approx(4.03)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"loudness": LoudnessTarget(-16.0)}, 0.06 + 0.52),  # decoded once more, and measured twice
        ({"trim_silence": TrimSilence()}, 0.06 + 0.45),
        ({"loudness": LoudnessTarget(-16.0), "trim_silence": TrimSilence()}, 0.12 + 0.52 + 0.45),
    ],
)
def test_what_is_examined_costs_passes_over_the_source(options: dict[str, Any], more: float) -> None:
    plain, examined = (Speeds().expected_conversion(3600, [an_output(**each)]) for each in ({}, options))

    assert examined - plain == pytest.approx(60 * more)


def test_two_outputs_take_as_long_as_one_and_four_twice_as_long_but_for_decoding() -> None:
    one, two, four = (Speeds().expected_conversion(3600, [an_output()] * count) for count in (1, 2, 4))

    assert two == one
    assert four - one == pytest.approx(one - 60 * 0.06 - 0.04)


def test_joining_costs_a_start_for_each_source_and_a_tenth_of_a_second_for_each_minute() -> None:
    assert Speeds().expected_joining(600, 3) == pytest.approx(0.12 + 1.0)
    assert Speeds(conversion_slowness=2.0).expected_joining(600, 3) == pytest.approx(2.24)
    assert Speeds(conversion_slowness=2.0).expected_conversion(60, [an_output()]) == pytest.approx(
        2 * Speeds().expected_conversion(60, [an_output()])
    )
