"""Each named survivor is still in the code, under the name that it is listed by."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.code_mutants.operators import Mutant
from tests.code_mutants.run import all_mutants
from tests.code_mutants.survivors import EQUIVALENT, KINDS, must_survive, reason_of


@cache
def names() -> frozenset[str]:
    return frozenset(mutant.name for mutant in all_mutants())


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in KINDS])
def test_a_kind_of_survivors_has_mutants_in_the_code(pattern: str) -> None:
    assert any(re.search(pattern, name) for name in names())


def test_each_survivor_that_is_named_alone_is_in_the_code() -> None:
    assert [name for name in EQUIVALENT if name not in names()] == []


def test_a_mutant_that_is_not_named_has_no_reason_to_survive() -> None:
    mutant = Mutant("worker.domain.claim", 1, "if a == b:", "Eq for NotEq", 1, (1,), 0, 0)

    assert reason_of(mutant) is None
    assert not must_survive(mutant)
