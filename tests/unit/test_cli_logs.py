"""`worker logs` over lines that a test has written."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker.application.operations.questions import QUESTIONS
from worker.cli import main
from worker.cli.log_lines import LogLines
from worker.events import SERVICE

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


def json_lines(*lines: dict[str, Any]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def failures(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """The jobs that failed, by `worker logs`."""
    assert main(["logs", "--json", "--question", "failures", *arguments]) == 0
    return [row["job_id"] for row in json.loads(capsys.readouterr().out)["failures"]]


def test_the_last_death_of_a_job_that_was_given_up_is_among_the_deaths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    died = {"restart_reason": "worker_died", "job_id": "bad"}
    log.write_bytes(
        json_lines(
            {"timestamp": "2026-11-22T20:00:00Z", "event": "job.started", "job_id": "bad", "restart_reason": None},
            {"timestamp": "2026-11-22T20:01:00Z", "event": "job.started", "last_worker": "one", **died},
            {"timestamp": "2026-11-22T20:02:00Z", "event": "job.failed", "last_worker": "two", **died},
            {"timestamp": "2026-11-22T20:03:00Z", "event": "job.failed", "job_id": "other"},
        )
    )

    assert main(["logs", "--json", "--question", "deaths", str(log)]) == 0

    rows = json.loads(capsys.readouterr().out)["deaths"]
    assert [(row["job_id"], row["last_worker"]) for row in rows] == [("bad", "one"), ("bad", "two")]


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: gzip.compress(text[:5]) + gzip.compress(text[5:])])
def test_files_may_be_gzip(pack: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed, plain = tmp_path / "000000", tmp_path / "plain"
    packed.write_bytes(pack(json_lines(*LINES)))
    plain.write_bytes(json_lines(LINES[1] | {"job_id": "c"}))

    assert failures([str(packed), str(plain)], capsys) == ["a\nb", "c"]


def test_so_may_what_comes_from_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    piped = io.BufferedReader(io.BytesIO(gzip.compress(json_lines(*LINES))))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=piped, isatty=lambda: False))

    assert failures([], capsys) == ["a\nb"]


def test_of_gzip_that_ends_too_early_what_could_be_read_is_answered_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.gz"
    many = json_lines(*LINES * 2000)
    log.write_bytes(gzip.compress(many)[:-20])

    assert main(["logs", "--question", "failures", str(log)]) == 0

    shown = capsys.readouterr()
    assert "a\\nb" in shown.out
    assert "ends too early" in shown.err


@pytest.mark.parametrize("name", ["log", "message"])
def test_a_line_that_a_log_tool_has_wrapped_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.write_bytes(json_lines(*({name: f"{json.dumps(line)}\n", "stream": "stdout"} for line in LINES)))

    assert failures([str(log)], capsys) == ["a\nb"]


def test_lines_of_another_service_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    other = LINES[1] | {"service": "billing", "job_id": "theirs"}
    ours = LINES[1] | {"service": SERVICE}
    log.write_bytes(json_lines(other, ours, {"message": json.dumps(other)}))

    assert failures([str(log)], capsys) == ["a\nb"]


def test_a_line_without_an_end_costs_no_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"event": "' + b"x" * 50_000_000 + b"\n" + json_lines(*LINES))
    lines = LogLines()

    tracemalloc.start()
    with log.open("rb") as file:
        found = list(lines.of(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (len(found), lines.others) == (2, 1)
    assert peak < 10_000_000


def test_the_document_is_json_whatever_is_in_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    odd = "a\x85\x7f\U000e0001\ud800\u2028"
    log.write_bytes(json_lines(LINES[1] | {"job_id": odd}))

    assert failures([str(log)], capsys) == [odd]
