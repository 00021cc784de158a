"""What limits allow at their ends, and how they are said."""

from __future__ import annotations

import pytest

from worker.domain.limits import AtLeast, Below, Limits, OneOf, Range


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        (Range(2, 5), (2, 3, 5), (1, 6)),
        (AtLeast(3), (3, 4), (2, 2.999)),
        (Below(3), (2, 2.999), (3, 4)),
        (OneOf((1, 4)), (1, 4), (0, 2, 3)),
    ],
)
def test_a_limit_has_its_ends(limits: Limits, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    assert [limits.problem_with(value) for value in inside] == [None] * len(inside)
    assert [limits.problem_with(value) for value in outside] == [f"must be {limits}"] * len(outside)
