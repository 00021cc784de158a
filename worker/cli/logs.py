"""`worker logs`: the operator's questions, answered from log lines in files or from a pipe."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from worker.application.operations.questions import ANY_JOB, QUESTIONS, Question
from worker.cli.console import complain, one_line, report, say
from worker.cli.exits import ExitCode, UsageError
from worker.domain.log_query import run_query


def command(arguments: Namespace) -> int:
    """No setting is read, and nothing is asked: the lines are all that there is."""
    asked = arguments.questions or [name for name in QUESTIONS if arguments.job_id or name != "story"]
    if "story" in asked and arguments.job_id is None:
        raise UsageError("--question story needs --job JOB_ID")
    if not arguments.files and sys.stdin.isatty():
        raise UsageError("name files of log lines, or pipe them in")
    lines = sorted(_lines(arguments.files), key=lambda line: str(line.get("timestamp", "")))
    if not lines:
        complain("there is no log line of a worker in the input")
        return ExitCode.FAILED
    answers = {name: run_query(_query(QUESTIONS[name], arguments.job_id), lines) for name in asked}
    if arguments.json:
        say(json.dumps(answers, ensure_ascii=False))
    else:
        say("\n\n".join(_described(QUESTIONS[name], rows) for name, rows in answers.items()))
    return ExitCode.OK


def _query(question: Question, job_id: str | None) -> str:
    return question.query if job_id is None else question.query.replace(ANY_JOB, job_id)


def _lines(files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    """The lines of the workers; others are counted and passed over."""
    others = 0
    with ExitStack() as stack:
        inputs: list[BinaryIO] = [stack.enter_context(path.open("rb")) for path in files] or [sys.stdin.buffer]
        for raw in (raw for each in inputs for raw in each):
            line = _parsed(raw)
            if line is None:
                others += bool(raw.strip())
            else:
                yield line
    if others:
        report(f"worker: {others} lines are not the worker's and were passed over")


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    """The line; what a log tool put before it, such as a time and the name of a pod, is left out."""
    begin = raw.find(b"{")
    try:
        line = json.loads(raw[begin:]) if begin >= 0 else None
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and isinstance(line.get("event"), str) else None


def _described(question: Question, rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join([question.title, f"  {question.reading}", *(_table(rows) if rows else ["", "  nothing"])])


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    cells = [names, *([_shown(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield ""
    for row in cells:
        yield "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else one_line(str(value))
