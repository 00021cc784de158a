"""`worker logs` over lines that a test has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from worker.application.operations.questions import QUESTIONS
from worker.cli import main

LINES: list[dict[str, Any]] = [
    {"timestamp": "2026-11-22T20:00:02Z", "event": "job.completed", "outcome": "completed", "job_id": "ep-2"},
    {
        "timestamp": "2026-11-22T20:00:01Z",
        "event": "job.failed",
        "outcome": "failed",
        "job_id": "a\nb",
        "error": "\x1b[2J",
    },
]


@pytest.fixture(name="log")
def log_fixture(tmp_path: Path) -> Path:
    log = tmp_path / "worker.log"
    log.write_text("Traceback\n{broken\n[1]\n" + "".join(f"pod/worker {json.dumps(line)}\n" for line in LINES))
    return log


def test_all_questions_but_that_about_one_job_are_answered(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", str(log)]) == 0

    shown = capsys.readouterr()
    assert [name for name in QUESTIONS if QUESTIONS[name].title not in shown.out] == ["story"]
    assert "3 lines are not the worker's" in shown.err


def test_what_a_line_holds_cannot_change_the_table(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["logs", "--question", "failures", str(log)])

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "a\\nb" in shown


def test_the_answers_are_one_json_document_on_request(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--json", "--job", "ep-2", "--question", "story", str(log)]) == 0

    answers = json.loads(capsys.readouterr().out)
    assert [row["event"] for row in answers["story"]] == ["job.completed"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--question", "story"], 64), (["no-such-file"], 1), (["--question", "none"], 64), (["--job", "a b"], 64)],
)
def test_what_cannot_be_answered_is_said(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        ended = main(["logs", *arguments])
    except SystemExit as exc:
        ended = int(exc.code or 0)

    assert ended == code
    assert capsys.readouterr().err.startswith("worker")


def test_input_without_a_line_of_a_worker_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")

    assert main(["logs", str(empty)]) == 1
    assert "no log line" in capsys.readouterr().err
