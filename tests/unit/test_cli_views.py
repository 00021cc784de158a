"""A job's progress in one line, however narrow and plain the terminal is."""

from __future__ import annotations

import io

import pytest

from tests.support.records import a_record
from worker.cli.views import Bar, Counter, Lines, bar_line, view_of
from worker.domain.progress import Version


def test_a_wide_terminal_shows_a_bar_with_all_that_is_known() -> None:
    line = bar_line("ep-0142", 50.0, "converting, 0:12 left", 80)

    assert line == f"ep-0142  {'#' * 19}{'-' * 20}   50.0 %  converting, 0:12 left"
    assert len(line) == 80


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (51, "ep-0142  #####-----   50.0 %  converting, 0:12 left"),
        (50, "ep-0142   50.0 %  converting, 0:12 left"),
        (39, "ep-0142   50.0 %  converting, 0:12 left"),
        (38, "ep-0142   50.0 %"),
        (16, "ep-0142   50.0 %"),
        (12, "ep-   50.0 %"),
        (7, "50.0 %"),
        (3, "50."),
        (0, ""),
    ],
)
def test_what_does_not_fit_is_left_out_and_the_percentage_stays(columns: int, line: str) -> None:
    assert bar_line("ep-0142", 50.0, "converting, 0:12 left", columns) == line


@pytest.mark.parametrize("columns", range(140))
@pytest.mark.parametrize("percent", [0.0, 9.95, 100.0])
def test_a_line_is_never_wider_than_the_terminal(columns: int, percent: float) -> None:
    assert len(bar_line("j" * 128, percent, "converting, attempt 2, 0:12 left, may lag", columns)) <= columns
    assert len(bar_line("j", percent, "", columns)) <= columns


@pytest.mark.parametrize(("encoding", "glyph"), [("utf-8", "━"), ("ascii", "#"), ("latin-1", "#")])
def test_a_bar_uses_only_characters_that_the_terminal_has(encoding: str, glyph: str) -> None:
    shown = io.BytesIO()
    stream = io.TextIOWrapper(shown, encoding=encoding, errors="strict", write_through=True)

    with Bar("ep-0142", stream) as bar:
        bar.wait()
        bar.show(a_record(seq=41, attempt=2, version=Version(2000, 41)), is_fresh=False)
    text = shown.getvalue().decode(encoding)
    assert "converting, attempt 2, 0:12 left, may lag" in text
    assert glyph in text
    assert text.endswith("\x1b[K\n")


@pytest.mark.parametrize(("term", "kind"), [("xterm-256color", Bar), ("dumb", Lines), ("unknown", Lines), ("", Lines)])
def test_a_terminal_that_cannot_go_back_in_a_line_gets_lines(
    term: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    assert isinstance(view_of("ep-0142"), kind)


def test_a_count_is_a_bar_on_a_terminal_and_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with Counter("dead letters", 40, terminal) as counter:
        counter.show(10, "10 moved back")
        counter.show(41, "41 moved back")  # the total is approximate
    shown = terminal.buffer.getvalue().decode()
    lines = shown.split("\r")
    assert "25.0 %  10 moved back" in lines[1]
    assert "100.0 %  41 moved back" in lines[2]
    assert shown.endswith("\n")

    with Counter("dead letters", 0, None) as silent:
        silent.show(1, "1 moved back")
    assert capsys.readouterr() == ("", "")
