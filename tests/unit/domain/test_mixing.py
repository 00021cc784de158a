"""The mix matrix: nothing is left out, nothing grows louder than full scale."""

from __future__ import annotations

import pytest

from worker.domain.mixing import LAYOUTS, gains, in_order, layout_of, mix, mix_of_discrete, name_of, permutation

_TARGETS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1", "7.1(wide)")


@pytest.mark.parametrize("target", _TARGETS)
@pytest.mark.parametrize("source", LAYOUTS)
def test_every_position_is_heard_and_no_channel_is_over_full_scale(source: str, target: str) -> None:
    rows = mix(LAYOUTS[source], LAYOUTS[target])

    sums = [sum(row.get(position, 0.0) for position in LAYOUTS[source]) for row in rows]
    assert max(sums) == pytest.approx(1.0)
    for position in LAYOUTS[source]:
        assert any(row.get(position, 0.0) > 0.03 for row in rows), position


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_itself_without_a_mix(name: str) -> None:
    assert permutation(LAYOUTS[name], LAYOUTS[name]) == tuple(range(len(LAYOUTS[name])))


@pytest.mark.parametrize(
    ("source", "target", "order"),
    [
        (("SL", "SR"), "stereo", (0, 1)),
        (("FL", "FR", "LFE"), "3.0", (0, 1, 2)),
        (LAYOUTS["5.1(side)"], "5.1", (0, 1, 2, 3, 4, 5)),
        (("DR", "DL"), "stereo", (1, 0)),
        (LAYOUTS["7.1"], "7.1(wide)", None),
        (LAYOUTS["5.1"], "stereo", None),
    ],
)
def test_channels_that_only_have_another_name_are_not_mixed(
    source: tuple[str, ...], target: str, order: tuple[int, ...] | None
) -> None:
    assert permutation(source, LAYOUTS[target]) == order


def test_left_stays_left_and_the_middle_is_on_both_sides() -> None:
    stereo = LAYOUTS["stereo"]
    assert gains("BL", stereo) == {"FL": 0.707}
    assert gains("FC", stereo) == {"FL": 0.707, "FR": 0.707}
    assert gains("LFE", stereo) == {"FL": 0.5, "FR": 0.5}
    assert gains("FL", stereo) == {"FL": 1.0}


def test_one_position_goes_to_another_at_its_level_or_at_minus_3_db_and_low_frequencies_at_minus_6_db() -> None:
    mono, stereo = LAYOUTS["mono"], LAYOUTS["stereo"]

    assert gains("FL", mono) == gains("BL", mono) == {"FC": 0.707}
    assert gains("LFE", mono) == {"FC": 0.5}
    assert gains("LFE2", ("FL", "FR", "LFE")) == {"LFE": 0.5}
    assert gains("DL", stereo) == {"FL": 1.0}
    assert gains("SL", LAYOUTS["5.1"]) == {"BL": 0.707}
    assert gains("FC", ("SL", "SR")) == {"SL": 0.707, "SR": 0.707}


def test_tracks_beyond_stereo_go_to_the_channels_in_turn() -> None:
    assert mix_of_discrete(4, 3) == [{0: 0.5, 3: 0.5}, {1: 0.5}, {2: 0.5}]
    assert mix_of_discrete(2, 3) == [{0: 1.0}, {1: 1.0}, {}]
    assert mix_of_discrete(2, 2) == [{0: 1.0}, {1: 1.0}]


@pytest.mark.parametrize("discrete", range(1, 17))
@pytest.mark.parametrize("channels", range(1, 17))
def test_every_discrete_channel_is_heard_and_none_over_full_scale(discrete: int, channels: int) -> None:
    rows = mix_of_discrete(discrete, channels)

    assert len(rows) == channels
    assert {number for row in rows for number in row} == set(range(discrete))
    assert all(sum(row.values()) <= 1.0 + 1e-9 for row in rows)


def test_discrete_channels_are_alike_in_mono_and_in_stereo() -> None:
    assert mix_of_discrete(4, 1) == [{0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}]
    assert mix_of_discrete(4, 2) == mix_of_discrete(4, 1) * 2


def test_the_name_of_a_layout_says_its_positions() -> None:
    assert layout_of("stereo") == ("FL", "FR")
    assert layout_of("2 channels (SL+SR)") == ("SL", "SR")
    assert layout_of("4 channels") is None
    assert layout_of("3 channels (FL+FR+NOWHERE)") is None


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layouts_with_a_name_are_in_the_usual_order_and_have_their_name_by_it(name: str) -> None:
    positions = LAYOUTS[name]

    assert in_order(tuple(reversed(positions))) == positions
    assert name_of(positions) == name


def test_positions_that_have_no_name_together_are_named_one_by_one() -> None:
    assert in_order(("SR", "FC", "SL")) == ("FC", "SL", "SR")
    assert name_of(("FC", "SL", "SR")) == "3 channels (FC+SL+SR)"


def test_channels_that_are_more_or_fewer_are_no_permutation() -> None:
    assert permutation(("FL", "FR"), ("FL",)) is None
    assert permutation(("FC",), ("FL", "FR")) is None
    assert permutation(("FC", "FL", "FR"), ("FL", "FR")) is None
    assert permutation(("FR", "FL"), ("FL", "FR")) == (1, 0)
