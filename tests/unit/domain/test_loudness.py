"""From what was measured to the gain: alone where the peak allows it, else with a limiter, and again."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from worker.domain.loudness import Gain, Levelling, Loudness, LoudnessTarget, OutputLoudness

PODCAST = LoudnessTarget(-16.0)


def heard(lufs: float | None, peak: float | None) -> Loudness:
    return Loudness(lufs, 5.0, peak)


def levelled(
    target: LoudnessTarget, before: Loudness, encoded: Callable[[Gain], tuple[float, float]]
) -> tuple[Levelling, list[Gain]]:
    """Steps until it is done, with an encoder that makes a loudness and a peak of a gain."""
    levelling, gains = Levelling(target, before), list[Gain]()
    while True:
        assert levelling.gain is not None
        gains.append(levelling.gain)
        if levelling.judge(heard(*encoded(levelling.gain))):
            return levelling, gains


def test_a_gain_alone_is_enough_where_the_peak_stays_below() -> None:
    assert Levelling(PODCAST, heard(-20.5, -6.0)).gain == Gain(4.5)
    assert Levelling(PODCAST, heard(-10.0, 0.5)).gain == Gain(-6.0)
    assert Levelling(PODCAST, heard(-20.5, -5.5)).gain == Gain(4.5, -1.5)


def test_a_peak_at_full_scale_is_one() -> None:
    assert Levelling(PODCAST, heard(-14.9, 0.0)).gain == Gain(pytest.approx(-1.1))  # type: ignore[arg-type]
    assert Levelling(PODCAST, heard(-14.96, 0.0)).gain == Gain(pytest.approx(-1.04), -1.5)  # type: ignore[arg-type]


def test_a_ceiling_is_no_lower_than_a_limiter_goes() -> None:
    levelling = Levelling(PODCAST, heard(-20.0, -1.0))

    assert not levelling.judge(heard(-16.0, 40.0))
    assert levelling.gain == Gain(4.0, -24.0)


def test_a_step_that_does_not_keep_the_peak_says_nothing_of_what_can_be_reached() -> None:
    levelling = Levelling(PODCAST, heard(-20.0, -1.0))
    first = levelling.gain

    assert not levelling.judge(heard(-18.0, -1.2))
    assert not levelling.judge(heard(-17.95, -0.5))
    assert levelling.gain is not None
    assert levelling.gain != first
    assert levelling.gain.ceiling_dbtp == pytest.approx(-1.5 - 0.55 - 0.1)


@pytest.mark.parametrize(("second", "is_over"), [(-17.8, True), (-17.6, False)])
def test_a_target_is_out_of_reach_where_a_step_brings_too_small_a_share(second: float, is_over: bool) -> None:
    levelling = Levelling(PODCAST, heard(-20.0, -1.0))

    assert not levelling.judge(heard(-18.0, -1.2))
    assert levelling.judge(heard(second, -1.2)) == is_over


def test_the_first_six_steps_see_to_the_loudness_and_further_ones_to_the_peak_alone() -> None:
    levelling = Levelling(PODCAST, heard(-20.0, -1.0))
    gains = list[Gain | None]()
    for _ in range(8):
        assert not levelling.judge(heard(-17.0, -0.75))
        gains.append(levelling.gain)

    steps = [(gain.db, gain.ceiling_dbtp) for gain in gains if gain]
    assert [db for db, _ in steps[:6]] == pytest.approx([5, 6, 7, 8, 9, 10])
    assert [ceiling for _, ceiling in steps[:6]] == pytest.approx([-1.9, -2.3, -2.7, -3.1, -3.5, -3.9])
    assert steps[6] == pytest.approx((10 - 1.0, -3.9 - 1.0))
    assert steps[7] == pytest.approx((9 - 1.1, -4.9 - 1.1))


def test_a_sixth_step_may_still_come_nearer_and_a_seventh_is_the_last_that_keeps_the_peak() -> None:
    levelling = Levelling(PODCAST, heard(-30.0, -11.0))
    for lufs in (-26.0, -24.0, -22.0, -20.0, -19.0, -18.0):
        assert not levelling.judge(heard(lufs, -1.2))

    assert levelling.judge(heard(-17.0, -1.2))


@pytest.mark.parametrize("peak", [None, -60.0])
def test_what_has_no_loudness_is_left_as_it_is(peak: float | None) -> None:
    levelling = Levelling(PODCAST, heard(None, peak))

    assert levelling.gain is None
    assert levelling.judge(heard(None, peak))
    assert levelling.after is not None
    assert OutputLoudness.of(levelling.before, levelling.after) == OutputLoudness(None, None, peak)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_record_has_null_for_what_is_no_finite_number(value: float) -> None:
    assert OutputLoudness.of(heard(value, value), heard(value, value)) == OutputLoudness(None, None, None)


def test_what_an_encoder_takes_of_the_loudness_is_given_back() -> None:
    levelling, gains = levelled(PODCAST, heard(-20.5, -8.0), lambda gain: (-21.1 + gain.db, -8.0 + gain.db))

    assert [round(gain.db, 6) for gain in gains] == [4.5, 5.1]
    assert all(gain.ceiling_dbtp is None for gain in gains)
    assert levelling.after is not None
    assert levelling.after.integrated_lufs == pytest.approx(-16.0)


def test_a_limiter_is_set_lower_by_what_an_encoder_adds_to_the_peak() -> None:
    def overshoots(gain: Gain) -> tuple[float, float]:
        ceiling = gain.ceiling_dbtp if gain.ceiling_dbtp is not None else -6.0 + gain.db
        return -20.5 + gain.db, round(min(-6.0 + gain.db, ceiling) + 1.2, 1)

    levelling, gains = levelled(PODCAST, heard(-20.5, -6.0), overshoots)

    assert gains[0] == Gain(4.5)
    assert gains[-1].ceiling_dbtp is not None
    assert levelling.after is not None
    assert levelling.after.true_peak_dbtp is not None
    assert -2.0 < levelling.after.true_peak_dbtp <= -1.05


def test_a_lower_ceiling_is_made_up_for_by_more_gain() -> None:
    def pressed(gain: Gain) -> tuple[float, float]:
        ceiling = 0.0 if gain.ceiling_dbtp is None else gain.ceiling_dbtp
        return -20.0 + gain.db - 0.5 * max(0.0, -1.0 + gain.db - ceiling), ceiling + 1.4

    levelling, gains = levelled(LoudnessTarget(-14.0), heard(-20.0, -1.0), pressed)

    assert len(gains) <= 6
    assert levelling.after is not None
    assert levelling.after.integrated_lufs == pytest.approx(-14.0, abs=0.3)
    assert levelling.after.true_peak_dbtp is not None
    assert levelling.after.true_peak_dbtp <= -1.05


def test_a_target_out_of_reach_is_missed_and_the_peak_is_kept() -> None:
    def square(gain: Gain) -> tuple[float, float]:
        ceiling = 0.0 if gain.ceiling_dbtp is None else gain.ceiling_dbtp
        return min(-20.0 + gain.db, ceiling - 2.0), ceiling

    levelling, gains = levelled(LoudnessTarget(-5.0, -9.0), heard(-20.0, -1.0), square)

    assert levelling.after == heard(-11.5, -9.5)
    assert len(gains) == 2  # more gain would bring nothing


def test_a_peak_that_no_gain_brings_down_is_an_error() -> None:
    with pytest.raises(ValueError, match="a true peak of"):
        levelled(PODCAST, heard(-20.0, -1.0), lambda _: (-16.0, 3.0))


def test_an_erratic_peak_is_brought_down_at_the_cost_of_loudness() -> None:
    steps = iter([0.5, 0.4, 0.6, 0.5, 0.6, 0.4, 0.3, -1.2])

    levelling, gains = levelled(PODCAST, heard(-20.0, -1.0), lambda gain: (-20.0 + gain.db, next(steps)))

    assert levelling.after is not None
    assert levelling.after.true_peak_dbtp == -1.2
    assert gains[-1].db < gains[5].db
    assert [gain.ceiling_dbtp for gain in gains] == sorted((gain.ceiling_dbtp or 0 for gain in gains), reverse=True)


def test_where_the_target_is_out_of_reach_the_step_that_came_nearest_is_made_once_more() -> None:
    worse = [(-18.5, 0.3), (-19.0, -2.0), (-19.0, -2.0)]
    steps = iter([(-16.8, 0.5), (-18.0, -1.2), (-17.0, -1.2), *worse, (-17.0, -1.2)])

    levelling, gains = levelled(PODCAST, heard(-20.0, -6.0), lambda _: next(steps))

    assert levelling.after == heard(-17.0, -1.2)
    assert gains[-1] == gains[2]
    assert len(set(gains)) == len(gains) - 1


def test_an_encoder_that_stays_erratic_has_the_best_step_that_kept_the_peak() -> None:
    steps = iter([(-17.0, 0.5), (-18.0, -1.2), *((-17.0, 0.5) for _ in range(8)), (-18.0, -1.2)])

    levelling, gains = levelled(PODCAST, heard(-20.0, -6.0), lambda _: next(steps))

    assert levelling.after == heard(-18.0, -1.2)
    assert gains[-1] == gains[1]


@pytest.mark.parametrize("peak", [0.5, -0.5])
def test_the_best_step_that_does_not_keep_the_peak_a_second_time_is_an_error(peak: float) -> None:
    steps = iter([(-18.0, -1.2), *((-17.0, 0.5) for _ in range(9)), (-18.0, peak)])

    with pytest.raises(ValueError, match=f"a true peak of {peak} dBTP"):
        levelled(PODCAST, heard(-20.0, -6.0), lambda _: next(steps))


def test_a_peak_at_the_limit_is_kept_as_it_is_printed() -> None:
    assert Levelling(PODCAST, heard(-16.0, -1.05)).gain == Gain(0.0)
    assert Levelling(PODCAST, heard(-20.0, -8.0)).judge(heard(-16.0, -1.05))
    levelling = Levelling(PODCAST, heard(-20.0, -8.0))
    assert not levelling.judge(heard(-17.0, -1.05))
    assert levelling.gain == Gain(5.0)


def test_the_best_step_has_to_keep_the_peak_a_second_time_to_the_tenth() -> None:
    before = [(-18.0, -1.2), *((-17.0, 0.5) for _ in range(9))]
    kept, missed = iter([*before, (-18.0, -1.05)]), iter([*before, (-18.0, -0.5)])

    levelled(PODCAST, heard(-20.0, -6.0), lambda _: next(kept))
    with pytest.raises(ValueError, match="a true peak of"):
        levelled(PODCAST, heard(-20.0, -6.0), lambda _: next(missed))


def test_the_loudness_of_a_record_is_read_back() -> None:
    loudness = OutputLoudness(-20.0, -16.0, -1.2)

    assert OutputLoudness.from_dict(loudness.to_dict()) == loudness
    assert OutputLoudness.from_dict(None) is None
