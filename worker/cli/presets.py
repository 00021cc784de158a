"""`worker presets`: the names that an output's `preset` may have, and the fields that each stands for."""

from __future__ import annotations

import json
import os
from argparse import Namespace

from worker.cli.console import say
from worker.cli.exits import ExitCode
from worker.settings import read_presets


def command(arguments: Namespace) -> int:
    presets = read_presets(os.environ).fields
    if arguments.json:
        say(json.dumps(presets, indent=2))
        return ExitCode.OK
    width = max(map(len, presets))
    for name, fields in presets.items():
        say(f"{name:{width}}  {json.dumps(fields)}")
    return ExitCode.OK
