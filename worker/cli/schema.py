"""`worker schema`: the JSON Schema of what producers write and readers read."""

from __future__ import annotations

import json
from argparse import Namespace

from worker.application.messages.schema import SCHEMAS
from worker.cli.console import say
from worker.cli.exits import ExitCode


def command(arguments: Namespace) -> int:
    say(json.dumps(SCHEMAS[arguments.document](), indent=2))
    return ExitCode.OK
