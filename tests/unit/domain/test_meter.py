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
