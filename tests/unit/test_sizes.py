"""The sizes that CONTRIBUTING.md promises are measured, and the measurement can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sizes


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _found(root: Path, *exceptions: str) -> list[str]:
    return [str(problem) for problem in sizes.problems(root, dict.fromkeys(exceptions, "a reason"))]


@pytest.mark.parametrize("folder", ["worker", "worker/gateway/page_files", "tests", "benchmarks", "examples"])
@pytest.mark.parametrize("ending", ["py", "js", "mjs"])
def test_a_file_of_300_lines_is_found_and_one_of_299_is_not(tmp_path: Path, folder: str, ending: str) -> None:
    _write(tmp_path, f"{folder}/long.{ending}", "go()\n" * 300)
    _write(tmp_path, f"{folder}/short.{ending}", "go()\n" * 299)

    assert _found(tmp_path) == [f"{folder}/long.{ending}: 300 lines, at most 299"]


def test_of_javascript_only_the_lines_of_a_file_are_measured(tmp_path: Path) -> None:
    _write(tmp_path, "worker/gateway/page_files/some.js", "function long() {\n" + "  go();\n" * 60 + "}\n")

    assert _found(tmp_path) == []


def test_a_function_of_50_lines_is_found_wherever_it_stands_and_one_of_49_is_not(tmp_path: Path) -> None:
    long = "{indent}async def long():\n" + "{indent}    pass\n" * 49
    short = "def short():\n" + "    pass\n" * 48
    inner = "class Outer:\n    def method(self):\n        if True:\n" + long.format(indent=" " * 12)
    _write(tmp_path, "worker/domain/some.py", short + inner)

    assert _found(tmp_path) == [
        "worker/domain/some.py:Outer.method: 52 lines, at most 49",
        "worker/domain/some.py:Outer.method.long: 50 lines, at most 49",
    ]


def test_a_constructor_of_the_application_with_seven_arguments_is_found_however_they_are_passed(
    tmp_path: Path,
) -> None:
    body = "class Six:\n    def __init__(self, a, b, c, d, *, e, f): ...\n"
    body += "class Seven:\n    def __init__(self, a, /, b, *c, d, e, f, **g): ...\n"
    _write(tmp_path, "worker/application/jobs/some.py", body)
    _write(tmp_path, "worker/adapters/some.py", body)

    assert _found(tmp_path) == ["worker/application/jobs/some.py:Seven.__init__: 7 arguments, at most 6"]


def test_a_listed_exception_is_let_through_and_one_that_nothing_needs_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "tests/long.py", "pass\n" * 300)

    assert _found(tmp_path, "tests/long.py") == []
    assert _found(tmp_path, "tests/long.py", "tests/gone.py") == [
        "tests/gone.py: is listed as an exception and needs none"
    ]


def test_the_check_fails_for_this_repository_without_its_exceptions_and_passes_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sizes.main() == 0
    assert all(len(reason.split()) >= 4 for reason in sizes.EXCEPTIONS.values())

    monkeypatch.setattr(sizes, "MAX_FILE_LINES", 10)

    assert sizes.main() == 1
    assert "worker/domain/progress.py: " in capsys.readouterr().err
