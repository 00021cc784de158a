"""The part of Logs Insights' language that our queries use."""

from __future__ import annotations

from typing import Any

import pytest

from worker.application.operations.questions import QUESTIONS
from worker.domain.log_query import QuerySyntaxError, run_query

LINES: list[dict[str, Any]] = [
    {"timestamp": "2026-11-22T20:01:02.000Z", "event": "a", "n": 1, "list": ["mp3", "opus"], "deep": {"x": 2.5}},
    {"timestamp": "2026-11-22T20:04:59.000Z", "event": "b", "n": 3, "text": 'it\'s "so"'},
    {"timestamp": "2026-11-22T20:05:00.000Z", "event": "a", "n": 2, "text": "none"},
]


def numbers(condition: str) -> list[int]:
    return [row["n"] for row in run_query(f"filter {condition}", LINES)]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('event = "a"', [1, 2]),
        ("event != 'a'", [3]),
        ("n >= 2", [3, 2]),
        ("n > 1 and n < 3 or n = 1", [1, 2]),
        ("n > 1 and (n < 3 or n = 1)", [2]),
        ('not event = "a"', [3]),
        ('event in ["b", "c"]', [3]),
        ("n in [1, 3]", [1, 3]),
        ("ispresent(text)", [3, 2]),
        ("not ispresent(text)", [1]),
        ("text like /so/", [3]),
        ('text like "none"', [2]),
        ("list.1 = 'opus'", [1]),
        ("list.7 = 'opus'", []),
        ("deep.x + 1 = 3.5", [1]),
        ("n * 2 - 1 = 5", [3]),
        ("n / 0 = 1", []),
        ("missing != 1", []),
        ("text > 1", []),
    ],
)
def test_a_filter_keeps_the_lines_that_fulfil_it(condition: str, found: list[int]) -> None:
    assert numbers(condition) == found


def test_a_field_that_is_computed_stands_beside_the_others_and_display_chooses() -> None:
    rows = run_query('fields strcontains(event, "a") as is_a | display n, is_a, coalesce(text, "-") as text', LINES)

    assert [tuple(row.values()) for row in rows] == [(1, 1, "-"), (3, 0, 'it\'s "so"'), (2, 1, "none")]
    assert list(rows[0]) == ["n", "is_a", "text"]


def test_lines_are_counted_and_measured_by_group() -> None:
    rows = run_query(
        """
        # a comment
        stats count(*) as lines, count(text) as texts, sum(n) as total, avg(n), min(n), max(n), pct(n, 50) as p50,
            latest(n) as last, earliest(n) as first, count_distinct(event) as kinds by event
        | sort lines desc
        """,
        LINES,
    )

    assert rows[0] == {
        "event": "a",
        "lines": 2,
        "texts": 1,
        "total": 3,
        "avg": 1.5,
        "min": 1,
        "max": 2,
        "p50": 1,
        "last": 2,
        "first": 1,
        "kinds": 1,
    }
    assert (rows[1]["event"], rows[1]["lines"]) == ("b", 1)


def test_a_period_is_named_by_its_beginning() -> None:
    rows = run_query("stats count(*) as lines by bin(5m) as period | sort period asc", LINES)

    assert [(row["period"], row["lines"]) for row in rows] == [
        ("2026-11-22T20:00:00Z", 2),
        ("2026-11-22T20:05:00Z", 1),
    ]


def test_a_line_with_other_types_than_ours_spoils_no_answer() -> None:
    odd: list[dict[str, Any]] = [
        {"timestamp": 1, "event": "a", "n": "many", "worker": {}},
        {"timestamp": "yesterday", "event": "a", "n": [2], "worker": ["w"]},
    ]

    rows = run_query(
        "stats sum(n) as total, max(n) as most, pct(n, 50) as half, count_distinct(list) as lists by event, worker "
        "| sort worker desc",
        [*LINES, *odd],
    )

    assert [(row["event"], row["worker"], row["total"]) for row in rows][-2:] == [("a", None, 3), ("b", None, 3)]
    assert {row["worker"] for row in rows} == {None, "{}", '["w"]'}
    assert [row["period"] for row in run_query("stats count(*) by bin(5m) as period", odd)] == [None]


def test_the_statistics_of_no_lines_are_one_row_and_by_group_none() -> None:
    assert run_query("stats count(*) as lines, sum(n) as total, max(n), pct(n, 99) as p99, latest(n) as n", []) == [
        {"lines": 0, "total": 0, "max": None, "p99": None, "n": None}
    ]
    assert run_query("stats count(*) by event", []) == []


def test_rows_are_sorted_with_what_is_missing_first_or_last_and_cut_off() -> None:
    assert [row.get("text") for row in run_query("sort text asc", LINES)] == [None, 'it\'s "so"', "none"]
    assert [row["n"] for row in run_query("sort n desc | limit 2", LINES)] == [3, 2]


def test_what_is_missing_is_sorted_before_numbers_and_these_before_texts() -> None:
    rows: list[dict[str, Any]] = [{"v": "a"}, {"v": -5}, {}, {"v": 1}, {"v": [2]}, {"v": "0"}]

    assert [row.get("v") for row in run_query("sort v", rows)] == [None, -5, 1, "0", [2], "a"]
    assert [row.get("v") for row in run_query("sort v desc", rows)] == ["a", [2], "0", 1, -5, None]


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (25, 1), (26, 2), (50, 2), (51, 3), (75, 3), (76, 4), (99, 4), (100, 4)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: int, value: int) -> None:
    rows = [{"n": number} for number in (3, 1, 4, 2)]

    assert run_query(f"stats pct(n, {percent}) as p", rows) == [{"p": value}]


def test_a_percentile_of_many_values_is_exact() -> None:
    rows = [{"n": number} for number in range(1, 201)]

    assert run_query("stats pct(n, 51) as p", rows) == [{"p": 102}]


def test_more_aggregates_than_one_are_named_by_their_functions_or_as_they_are_told() -> None:
    assert run_query("stats min(n), max(n) as most, count(*)", LINES) == [{"min": 1, "most": 3, "count": 3}]
    assert run_query("stats count(*) by event, n > 1 as is_more | sort n", LINES[:1]) == [
        {"event": "a", "is_more": False, "count": 1}
    ]


def test_lists_are_groups_by_what_they_hold() -> None:
    rows = run_query("stats count(*) as n by list | sort n", [{"list": ["ä"]}, {"list": ["ä"]}, {"list": ["b"]}])

    assert rows == [{"list": '["b"]', "n": 1}, {"list": '["ä"]', "n": 2}]


@pytest.mark.parametrize(("period", "beginning"), [("1h", "2026-11-22T20:00:00Z"), ("15m", "2026-11-22T20:15:00Z")])
def test_a_period_has_any_number_of_a_unit(period: str, beginning: str) -> None:
    rows = run_query(f"display bin({period}) as period", [{"timestamp": "2026-11-22T20:29:00Z"}])

    assert rows == [{"period": beginning}]


@pytest.mark.parametrize(
    ("written", "beginning"),
    [
        ("2026-11-22T20:04:59.999Z", "2026-11-22T20:00:00Z"),
        ("2026-11-22T20:05:00Z", "2026-11-22T20:05:00Z"),
        ("2026-11-22T22:05:00+02:00", "2026-11-22T20:05:00Z"),
        ("2026-11-22T20:07:00", "2026-11-22T20:05:00Z"),
    ],
)
def test_a_period_is_that_of_utc(written: str, beginning: str) -> None:
    rows = run_query("display bin(5m) as period", [{"timestamp": written}])

    assert rows == [{"period": beginning}]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("list.0", "mp3"),
        ("list.1", "opus"),
        ("list.2", None),
        ("list.x", None),
        ("deep.x", 2.5),
        ("n.x", None),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("7 - 2 - 1", 4.0),
        ("8 / 2 / 2", 2.0),
        ('concat(event, "-", n, missing)', "a-1"),
        ('strcontains(event, "b")', 0),
        ("ispresent(n)", True),
        ('"a\\"b"', 'a"b'),
        ("n < 2", True),
        ("n <= 1", True),
        ("n >= 2", False),
    ],
)
def test_an_expression_has_the_value_of_its_line(expression: str, value: object) -> None:
    assert run_query(f"display {expression} as v", LINES[:1]) == [{"v": value}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "parse x",
        "filter",
        "filter n = ",
        "filter n = 1 n",
        "filter nope(n)",
        "stats nope(n)",
        "stats sum n",
        "filter n in 1",
        "filter ~",
        "filter n = 1 |",
    ],
)
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(QuerySyntaxError):
        run_query(text, LINES)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_is_a_query_of_the_language(name: str) -> None:
    assert isinstance(run_query(QUESTIONS[name].query, LINES), list)


def test_a_period_may_have_several_digits() -> None:
    rows = run_query("stats count(*) as lines by bin(15m) as period", [{"timestamp": "2026-11-22T20:17:02.000Z"}])

    assert rows == [{"period": "2026-11-22T20:15:00Z", "lines": 1}]
