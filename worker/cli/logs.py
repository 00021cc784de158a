"""`worker logs`: the operator's questions, answered from log lines in files or from a pipe."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from worker.application.operations.questions import ANY_JOB, QUESTIONS, Question
from worker.cli.console import complain, one_line, report, say
from worker.cli.exits import ExitCode, UsageError
from worker.cli.log_lines import LogLines
from worker.domain.log_query import run_query


def command(arguments: Namespace) -> int:
    """Answer from the lines alone: no setting is read, and no dependency is asked."""
    asked = arguments.questions or [name for name in QUESTIONS if arguments.job_id or name != "story"]
    if "story" in asked and arguments.job_id is None:
        raise UsageError("--question story needs --job JOB_ID")
    if not arguments.files and (sys.__stdin__ is None or sys.stdin.isatty()):  # None: closed before the start
        raise UsageError("name files of log lines, or pipe them in")
    lines = _lines(arguments.files)
    if not lines:
        complain("there is no log line of a worker in the input")
        return ExitCode.FAILED
    answers = {name: run_query(_query(QUESTIONS[name], arguments.job_id), lines) for name in asked}
    if arguments.json:
        say(json.dumps(answers))
    else:
        say("\n\n".join(_described(QUESTIONS[name], rows) for name, rows in answers.items()))
    return ExitCode.OK


def _query(question: Question, job_id: str | None) -> str:
    return question.query if job_id is None else question.query.replace(ANY_JOB, job_id)


def _lines(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """The lines of the workers in the order of their times; others are counted and passed over."""
    lines = LogLines()
    with ExitStack() as stack:
        inputs = [stack.enter_context(path.open("rb")) for path in files] or [cast("BufferedReader", sys.stdin.buffer)]
        found = sorted(
            (line for each in inputs for line in lines.of(each)), key=lambda line: str(line.get("timestamp", ""))
        )
    if lines.others:
        report(f"worker: {lines.others} lines are not the worker's and were passed over")
    if lines.is_cut_off:
        report("worker: the gzip data is damaged or ends too early; the lines before that were read")
    return found


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
