"""`make bench-queue`: our consumer compared with taskiq, celery and a plain loop on one emulated SQS, in turns."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import aioboto3
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.queue_emulator import emulator
from benchmarks.queue_jobs import CONCURRENCY, TABLE
from benchmarks.queue_race import BESIDE, OURS, OURS_AT_WORK, PEERS, Contender, Race, race
from tests.support.aws import a_table, aws_environment
from worker.adapters.aws.client import ClientLimits, open_client
from worker.demo.servers import HOST

RESULTS = Path(__file__).parent / "results"
_LIMITS = ClientLimits(connect_seconds=5, read_seconds=30, attempts=2, connections=4)
_PACKAGES = ("aioboto3", "aiobotocore", "celery", "kombu", "ministack", "taskiq", "taskiq-aio-sqs")
_SQS_CALLS_AIM = 0.45  # issue 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--jobs", type=int, default=1500, help="in the queue at the start of a turn")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds after which a turn is ended")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    results = asyncio.run(_measure(console, arguments.rounds, arguments.jobs, arguments.limit))
    console.print(_table(results))
    for name, holds in results["aims"].items():
        console.print(f"{'holds' if holds else 'MISSED'}: {name}")
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"queue-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"Kept in {file.relative_to(Path.cwd())}")


async def _measure(console: Console, rounds: int, jobs: int, limit_seconds: float) -> dict[str, Any]:
    load_before = os.getloadavg()
    contenders = [OURS, *PEERS, *BESIDE]
    races = await _take_turns(console, contenders, rounds, jobs, limit_seconds)
    summaries = {contender.name: _summary(races[contender.name]) for contender in contenders}
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load_before": load_before,
            "load_after": os.getloadavg(),
        },
        "versions": {package: version(package) for package in _PACKAGES},
        "concurrency": CONCURRENCY,
        "rounds": rounds,
        "jobs": jobs,
        "contenders": summaries,
        "aims": _aims(summaries),
    }


async def _take_turns(
    console: Console, contenders: Sequence[Contender], rounds: int, jobs: int, limit_seconds: float
) -> dict[str, list[Race]]:
    """Run each contender once a round, alone, so that other load on the machine affects all of them."""
    races: dict[str, list[Race]] = {contender.name: [] for contender in contenders}
    with emulator() as server, TemporaryDirectory(prefix="worker-bench-") as scratch:
        endpoint = f"http://{HOST}:{server.port}"
        os.environ.update(aws_environment(endpoint))
        session = aioboto3.Session()
        async with open_client(session, "sqs", _LIMITS) as sqs, open_client(session, "dynamodb", _LIMITS) as dynamodb:
            await dynamodb.create_table(**a_table(TABLE))
            for number in range(rounds):
                turn = number % len(contenders)
                for contender in [*contenders[turn:], *contenders[:turn]]:
                    log = Path(scratch) / "contender.log"
                    run = await race(contender, sqs, endpoint, jobs=jobs, limit_seconds=limit_seconds, log=log)
                    races[contender.name].append(run)
                    console.print(
                        f"Round {number + 1} of {rounds}: {contender.name}, {run.jobs_per_second:.0f} jobs/s"
                    )
    return races


def _summary(races: Sequence[Race]) -> dict[str, Any]:
    calls = sum((Counter(run.calls) for run in races), Counter[str]())
    return {
        "jobs_per_second": round(median(run.jobs_per_second for run in races), 1),
        "cpu_ms_per_job": round(median(run.cpu_ms_per_job for run in races), 3),
        "sqs_calls_per_job": round(median(run.calls_per_job("sqs") for run in races), 3),
        "dynamodb_calls_per_job": round(median(run.calls_per_job("dynamodb") for run in races), 3),
        "calls": dict(calls.most_common()),
        "runs": {
            "jobs": [run.jobs for run in races],
            "wall_seconds": [round(run.wall_seconds, 3) for run in races],
            "cpu_seconds": [round(run.cpu_seconds, 3) for run in races],
        },
    }


def _aims(summaries: Mapping[str, Any]) -> dict[str, bool]:
    ours = summaries[OURS.name]
    aims = {
        f"{name}: at most {_SQS_CALLS_AIM} SQS calls a job": summaries[name]["sqs_calls_per_job"] <= _SQS_CALLS_AIM
        for name in (OURS.name, OURS_AT_WORK.name)
    }
    for peer in PEERS:
        theirs = summaries[peer.name]
        aims[f"more jobs a second than {peer.name}"] = ours["jobs_per_second"] > theirs["jobs_per_second"]
        aims[f"less CPU a job than {peer.name}"] = ours["cpu_ms_per_job"] < theirs["cpu_ms_per_job"]
    return aims


def _table(results: Mapping[str, Any]) -> Table:
    load = results["machine"]["load_after"][0]
    title = (
        f"Medians of {results['rounds']} rounds of {results['jobs']} jobs, concurrency {results['concurrency']}, "
        f"{results['machine']['cores']} cores (load {load:.1f})"
    )
    table = Table(box=SIMPLE, pad_edge=False, title=title)
    for heading in ("", "jobs/s", "CPU ms/job", "SQS calls/job", "DynamoDB calls/job"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, summary in results["contenders"].items():
        table.add_row(
            name,
            f"{summary['jobs_per_second']:.0f}",
            f"{summary['cpu_ms_per_job']:.2f}",
            f"{summary['sqs_calls_per_job']:.2f}",
            f"{summary['dynamodb_calls_per_job']:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
