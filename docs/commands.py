"""The page of the commands: what can be typed, what ends with which exit code, and what `--json` prints."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from worker.cli.arguments import parser_of_commands
from worker.cli.exits import ExitCode
from worker.domain.declaration import options_of
from worker.domain.job import OutputSpec

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]

PAGE = """\
# Commands

<!-- Written by docs/commands.py from worker/cli. -->

`worker COMMAND`, or `python -m worker COMMAND`; `worker COMMAND --help` shows the arguments of one.
Settings come from the environment ([configuration.md](configuration.md)); `validate`, `logs`, `schema`, `presets`
and `demo` need none. [deploy/README.md](../deploy/README.md#roles) says which rights each command needs.
Results are on standard output. Progress, and each error in one plain line, are on standard error.

{commands}

## Exit codes

{exits}

## What `--json` prints

One JSON document on standard output, and nothing else there.

{documents}
{sections}
"""

# {with_timeout} stands for the commands that have the option.
_EXITS: Mapping[ExitCode, str] = {
    ExitCode.OK: "Done. A worker or a gateway has drained. In `doctor` and `validate` nothing has failed; it may be "
    "degraded.",
    ExitCode.FAILED: "Failed: a dependency did not answer or refused; the job that is watched failed or was "
    "cancelled; a job could not be cancelled or retried; in `doctor` and `validate` something has failed; a bug.",
    ExitCode.NO_RECORD: "`status`, `cancel` and `retry`: there is no such job.",
    ExitCode.USAGE: "Wrong usage.",
    ExitCode.CONFIGURATION: "Bad configuration, that of the SDK included: a line for each fault, with its variable.",
    ExitCode.TIMED_OUT: "{with_timeout}: the time of `--timeout` is over. A job that is watched goes on.",
    ExitCode.INTERRUPTED: "Ctrl-C. A job that is watched goes on, and that is said. `run` and `serve` drain, and end "
    "with 0.",
}

_DOCUMENTS: Mapping[str, str] = {
    "submit": "The `queued` record ([progress.md](progress.md)); with `--wait` the newest that was seen. "
    "Without `--json` the job's id is printed, first and alone.",
    "status": 'The record, with `"fresh": false` where a store that may know more could not be asked; `null` where '
    "there is none.",
    "jobs": "A list of records, the newest first.",
    "doctor": '`{"status", "checks"}`: the worst status of all, and of each check `name`, `status` (`ok`, `degraded`, '
    "`failed`), `variable`, `value`, `endpoint`, `detail`, `advice` and `duration_seconds`.",
    "validate": "The same. The checks are `livez`, `readyz`, `health`, `progress` and `queue`.",
    "logs": "The answers by question: each a list of rows.",
    "presets": "The fields of each preset, by its name.",
}


def commands(table: Table) -> str:
    """The page. Raises ValueError where a command with `--json` is not described here, or one without is."""
    found = dict(_commands())
    with_json = {name for name, parser in found.items() if _has(parser, "--json")}
    if with_json != set(_DOCUMENTS):
        raise ValueError(f"what --json prints is not described, or without need: {with_json ^ set(_DOCUMENTS)}")
    with_timeout = ", ".join(f"`{name}`" for name, parser in found.items() if _has(parser, "--timeout"))
    return PAGE.format(
        commands=table(("command", ""), ((_linked(name), parser.description or "") for name, parser in found.items())),
        exits=table(
            ("code", ""),
            ((f"`{code.value}`", _EXITS[code].format(with_timeout=with_timeout)) for code in ExitCode),
        ),
        documents=table(("command", ""), ((f"`{name}`", _DOCUMENTS[name]) for name in found if name in _DOCUMENTS)),
        sections="\n".join(_section(name, parser, table) for name, parser in found.items()),
    )


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in _actions(parser_of_commands()):
        if isinstance(action.choices, Mapping):  # the commands; choices of values are lists
            yield from action.choices.items()


def _actions(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse has no other way to ask


def _has(parser: argparse.ArgumentParser, option: str) -> bool:
    return any(option in action.option_strings for action in _actions(parser))


def _linked(name: str) -> str:
    return f"[`{name}`](#worker-{name})"


def _section(name: str, parser: argparse.ArgumentParser, table: Table) -> str:
    rows = [(f"`{_typed(action)}`", _help(action)) for action in _actions(parser) if _is_told(action)]
    arguments = f"\n{table(('argument', ''), rows)}\n" if rows else ""
    more = (
        "\nEach option of [options.md](options.md) is a flag too, behind its `--output`.\n" if name == "submit" else ""
    )
    return f"\n## worker {name}\n\n{parser.description}\n{arguments}{more}".rstrip()


def _is_told(action: argparse.Action) -> bool:
    return "--help" not in action.option_strings and action.dest not in options_of(OutputSpec)


def _help(action: argparse.Action) -> str:
    what = f"one of {', '.join(action.choices)}" if action.choices else ""
    return (action.help or what).replace("%%", "%").replace("|", "\\|")


def _typed(action: argparse.Action) -> str:
    """As it is typed: `--limit N`, or `FILE…` for as many as there are."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        shown = f"{value}…" if action.nargs in {"*", "+"} else value
        return f"[{shown}]" if action.nargs == "*" else shown
    takes_none = action.nargs == 0
    return " ".join([*action.option_strings, *([] if takes_none else [value])])
