"""`worker doctor`: try each dependency as this environment is set."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Sequence

from worker import logs
from worker.application.operations.diagnosis import State
from worker.application.operations.doctor import Finding, can_run, diagnose
from worker.bootstrap.checks import NamedBucket, open_checks
from worker.cli.console import one_line, say
from worker.cli.exits import ExitCode
from worker.interrupts import run_interruptibly
from worker.settings import SUBMIT, Settings, load


def command(arguments: Namespace) -> int:
    settings = load(os.environ, needs=SUBMIT)
    logs.silence()
    buckets = [
        *(NamedBucket(prefix, "BUCKET", is_written=True) for prefix in arguments.buckets),
        *(NamedBucket(prefix, "--source", is_written=False) for prefix in arguments.sources),
    ]
    return run_interruptibly(lambda: _report(settings, buckets, as_json=arguments.json))


async def _report(settings: Settings, buckets: Sequence[NamedBucket], *, as_json: bool) -> int:
    async with open_checks(settings, buckets) as checks:
        findings = await diagnose(checks)
    say(json.dumps(to_document(findings)) if as_json else describe(findings))
    return ExitCode.OK if can_run(findings) else ExitCode.FAILED


def overall(findings: Sequence[Finding]) -> State:
    """The worst state of all."""
    order = list(State)
    return max((finding.verdict.state for finding in findings), key=order.index, default=State.OK)


def to_document(findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "status": overall(findings).value,
        "checks": [
            {
                "name": finding.name,
                "status": finding.verdict.state.value,
                "variable": finding.subject.variable,
                "value": finding.subject.value,
                "endpoint": finding.subject.endpoint,
                "detail": finding.verdict.detail,
                "advice": finding.verdict.advice,
                "duration_seconds": round(finding.duration_seconds, 3),
            }
            for finding in findings
        ],
    }


def describe(findings: Sequence[Finding]) -> str:
    """One line for each finding: its state, the time taken, what was tried, what was found and what to do."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        verdict = finding.verdict
        advice = f"; {verdict.advice}" if verdict.advice and verdict.state is not State.OK else ""
        seconds = f"{finding.duration_seconds:6.2f} s"
        found = one_line(f"{finding.subject}: {verdict.detail}{advice}")
        lines.append(f"{verdict.state.value:<8}  {finding.name:<{width}}  {seconds}  {found}")
    return "\n".join(lines)
