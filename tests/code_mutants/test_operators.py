"""Each kind of change is made, alone, and nothing is changed that is only text."""

from __future__ import annotations

import ast

import pytest

from tests.code_mutants.operators import mutants
from tests.code_mutants.suites import covering


def changed(source: str) -> set[str]:
    """The code of all mutants."""
    return {ast.unparse(mutant.tree(source)) for mutant in mutants("a.module", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a <= b < c", {"a < b < c", "a <= b <= c"}),
        ("a == b", {"a != b"}),
        ("a is None", {"a is not None"}),
        ("a in b", {"a not in b"}),
        ("a and b", {"a or b"}),
        ("not a", {"not not a"}),
        ("a + b", {"a - b"}),
        ("a // b", {"a * b"}),
        ("a << b", {"a >> b"}),
        ("-a", {"+a"}),
        ("a = 7", {"a = 8"}),
        ("a = True", {"a = False"}),
        ("def f() -> bool:\n    return a", {"def f() -> bool:\n    return not a"}),
    ],
)
def test_a_place_is_changed(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    ['"text"', "a: Literal[1]", "@dataclass(frozen=True)\nclass A:\n    pass", "f'{a + 1}'", "'a' + b"],
)
def test_what_is_only_text_annotation_or_decorator_stays(source: str) -> None:
    assert changed(source) == set()


def test_one_mutant_has_one_change() -> None:
    assert changed("a < b + 1") == {"a <= b + 1", "a < b - 1", "a < b + 2"}


def test_a_module_is_covered_by_the_tests_that_import_it_first() -> None:
    assert "tests/unit/domain/test_claim.py" in covering("worker.domain.claim")[0]
    assert "tests/unit/adapters/test_ffmpeg_verdict.py" in covering("worker.adapters.ffmpeg.verdict")[0]


def test_a_module_is_covered_by_tests_that_call_what_another_test_defines() -> None:
    assert "tests/unit/domain/test_transport_formats.py" in covering("worker.domain.containers.mpegts")[0]
