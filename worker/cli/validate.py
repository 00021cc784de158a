"""`worker validate`: ask a running worker or gateway how it is."""

from __future__ import annotations

import json
from argparse import Namespace

from worker import logs
from worker.application.operations.doctor import can_run, diagnose
from worker.application.operations.validation import ANSWER_SECONDS
from worker.bootstrap.validation import open_validation
from worker.cli.console import say
from worker.cli.doctor import describe, to_document
from worker.cli.exits import ExitCode
from worker.interrupts import run_interruptibly


def command(arguments: Namespace) -> int:
    """Check what listens at the URL. No setting is read: this can be called from anywhere that reaches it."""
    logs.silence()
    return run_interruptibly(lambda: _report(arguments.url, as_json=arguments.json))


async def _report(base_url: str, *, as_json: bool) -> int:
    async with open_validation(base_url) as checks:
        findings = await diagnose(checks, timeout_seconds=ANSWER_SECONDS)
    say(json.dumps(to_document(findings)) if as_json else describe(findings))
    return ExitCode.OK if can_run(findings) else ExitCode.FAILED
