"""The arguments and options of all commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from worker import __version__
from worker.application.messages.schema import SCHEMAS
from worker.application.operations.questions import QUESTIONS
from worker.cli import typed
from worker.cli.console import printable
from worker.cli.exits import ExitCode
from worker.domain.audio import AudioFormat, Codec
from worker.domain.cover import Cover
from worker.domain.declaration import options_of
from worker.domain.errors import ErrorCode
from worker.domain.job import OutputSpec
from worker.domain.progress import Status

_METAVARS = {
    int: "N",
    float: "X",
    bool: "true|false",
    str: "TEXT",
    Codec: "|".join(Codec),
    Cover: "keep|drop|s3://BUCKET/KEY",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, printable(f"{self.prog}: {message} (see {self.prog} --help)") + "\n")


class _NewOutput(argparse.Action):
    """`--output TARGET` begins an output; the options after it are its own."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, _option: Any = None) -> None:
        namespace.outputs = [*namespace.outputs, {"target": values}]


class _OfOutput(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        if not namespace.outputs:
            parser.error(f"{option} must come after the --output that it is for")
        if self.dest in namespace.outputs[-1]:
            parser.error(f"{option} is given twice for {namespace.outputs[-1]['target']}")
        namespace.outputs[-1][self.dest] = values


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `command` is what to call with the result. Wrong usage exits with 64."""
    return parser_of_commands().parse_args(_with_times_joined(argv))


def _with_times_joined(argv: Sequence[str]) -> Sequence[str]:
    """The arguments, with `--since -5m` as one: argparse takes what begins with a minus, but numbers, for options."""
    joined: list[str] = []
    for argument in argv:
        if joined[-1:] == ["--since"] and re.match(r"-\d", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def parser_of_commands() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="worker",
        allow_abbrev=False,
        description="Converts audio from S3 to S3, job by job from SQS, with progress in Redis and DynamoDB.",
        epilog="Settings come from the environment (docs/configuration.md). Exit codes: 0 done, 1 failed, "
        "4 no such record, 64 wrong usage, 78 bad configuration, 124 timed out, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"worker {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(
            name, help=summary, description=summary, allow_abbrev=False
        )
        added.set_defaults(command=_imported(name), name=name)
        return added

    _add_run(command("run", "Consume the queue until SIGTERM or SIGINT; then drain."))
    command("serve", "Answer requests over HTTP: uploads, jobs, progress, downloads; until SIGTERM or SIGINT.")
    _add_submit(command("submit", "Put a job on the queue and print its id."))
    status = command("status", "Show the newest record of a job; exit 4 if there is none.")
    status.add_argument("job_id", metavar="JOB_ID", type=typed.job_id)
    status.add_argument("--json", action="store_true", help="print the record as JSON")
    _add_timeout(status, "while no store answers, ask again for so long; then exit 124")
    watch = command("watch", "Show a progress bar until the job is final; exit 0 if it completed, else 1.")
    watch.add_argument("job_id", metavar="JOB_ID", type=typed.job_id)
    _add_timeout(watch, "stop watching after so long, and exit 124; the job goes on")
    cancel = command(
        "cancel", "End a job; a running one stops within seconds. Exit 4 if there is none, 1 if it has ended."
    )
    cancel.add_argument("job_id", metavar="JOB_ID", type=typed.job_id)
    retry = command(
        "retry",
        "Begin a new run of jobs that failed or were cancelled. Exit 4 if one is unknown, 1 if one is not retried.",
    )
    retry.add_argument("job_ids", metavar="JOB_ID", nargs="+", type=typed.job_id)
    _add_redrive(command("redrive", "Move dead letters back to the queue, each to begin a new run of its job."))
    _add_jobs(command("jobs", "List jobs, the newest first."))
    _add_doctor(
        command("doctor", "Try each dependency as this environment is set; exit 1 if the worker could not run.")
    )
    _add_validate(command("validate", "Check a running worker or gateway by its HTTP port; exit 1 if it fails."))
    _add_logs(command("logs", "Answer the operator's questions from log lines, as tables."))
    schema = command("schema", "Print the JSON Schema (draft 2020-12) of a message, a record or a completion event.")
    schema.add_argument("document", choices=list(SCHEMAS))
    _add_presets(command("presets", "List the presets that outputs may name, with their fields."))
    _add_demo(command("demo", "Everything on this machine, embedded: no AWS, no Docker."))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("audio", metavar="AUDIO", nargs="*", help="audio files of your own to convert")
    parser.add_argument("--short", action="store_true", help="with less sound, in a few seconds")
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, for files of your own on the page")


def _add_presets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print them as one JSON object")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--until-empty", action="store_true", help="end when the queue has been empty for 20 s")
    jobs = "end when so many messages are done: completed, failed for good, cancelled or refused"
    parser.add_argument("--max-jobs", metavar="N", type=typed.count, help=jobs)


def _add_redrive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--code", choices=[*map(str, ErrorCode)], metavar="CODE", help="only those with this error code"
    )
    parser.add_argument("--limit", metavar="N", type=typed.count, help="move at most so many")
    parser.add_argument("--dry-run", action="store_true", help="move nothing; print what would be moved")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", metavar="S", type=typed.status, help=f"one of {', '.join(Status)}")
    since = "only those that came to their status since then: a time such as 2026-11-22T20:00Z, or 90m, 12h, 7d ago"
    parser.add_argument("--since", metavar="T", type=typed.since, help=since)
    parser.add_argument("--limit", metavar="N", type=typed.count, default=100, help="at most so many; 100 by default")
    parser.add_argument("--json", action="store_true", help="print a list of records as JSON")


def _add_logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="JSON lines, or gzip; by default stdin")
    parser.add_argument(
        "--question",
        metavar="NAME",
        dest="questions",
        action="append",
        choices=list(QUESTIONS),
        help=f"answer only this question; may be repeated: {', '.join(QUESTIONS)}",
    )
    parser.add_argument("--job", metavar="JOB_ID", dest="job_id", type=typed.job_id, help="show all lines of that job")
    parser.add_argument("--json", action="store_true", help="print the answers as one JSON document")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "buckets",
        metavar="BUCKET",
        nargs="*",
        type=typed.bucket,
        help="a bucket, or s3://bucket/prefix, to read and write",
    )
    parser.add_argument(
        "--source",
        metavar="BUCKET",
        dest="sources",
        action="append",
        default=[],
        type=typed.bucket,
        help="a bucket, or s3://bucket/prefix, to read only",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_validate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", metavar="URL", type=typed.base_url, help="where it listens, such as http://127.0.0.1:8080"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(outputs=[])
    source = "s3://bucket/key, or a local file with --upload-to; several are joined in this order"
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help=source)
    parser.add_argument(
        "--crossfade-seconds",
        metavar="X",
        type=typed.value_of(float),
        help="for how long each SOURCE that is joined is heard together with the one before it",
    )
    outputs = parser.add_argument_group("outputs", "One --output each, followed by the options that are for it.")
    outputs.add_argument("--output", metavar="TARGET", action=_NewOutput, help="s3://bucket/key to write")
    formats = f"one of {', '.join(AudioFormat)}; by default what the target's extension says"
    outputs.add_argument("--format", metavar="F", action=_OfOutput, help=formats)
    outputs.add_argument("--preset", metavar="NAME", action=_OfOutput, help="one of `worker presets`")
    for name, (member, option) in options_of(OutputSpec).items():
        outputs.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=_METAVARS.get(member.type, "JSON"),
            type=typed.value_of(member.type),
            action=_OfOutput,
            help=option.meaning.replace("%", "%%"),
        )
    parser.add_argument("--job-id", metavar="ID", type=typed.job_id, help="the idempotency key; made up if not given")
    parser.add_argument("--upload-to", metavar="s3://BUCKET/PREFIX", help="where to upload a local SOURCE first")
    parser.add_argument(
        "--group",
        metavar="G",
        type=typed.group,
        help="the message group: on a standard queue a tenant whom SQS keeps from delaying others, on a FIFO queue "
        "what is done in order",
    )
    parser.add_argument("--wait", action="store_true", help="show a progress bar until the job is final")
    _add_timeout(parser, "with --wait: stop waiting after so long, and exit 124; the job goes on")
    parser.add_argument("--json", action="store_true", help="print the record as JSON, with --wait the newest one")


def _add_timeout(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument("--timeout", metavar="SECONDS", type=typed.seconds, help=meaning)


def _imported(name: str) -> Callable[[argparse.Namespace], int]:
    def call(arguments: argparse.Namespace) -> int:
        code: int = import_module(f"worker.cli.{name}").command(arguments)
        return code

    return call
