"""`make bench-progress`: the cost of an outage of Redis, and of progress without one."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import aioboto3
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from benchmarks import outages, write_cost
from benchmarks.outages import CUT_OFF_SECONDS
from tests.support.aws import a_table, aws_environment
from tests.support.redis_faults import FAULTS
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.job_table import LIMITS, DynamoJobTable
from worker.bootstrap.run import keep_for_good
from worker.demo import servers

RESULTS = Path(__file__).parent / "results"
_TABLE = "progress"
_AIMS = {"open_ratio": 1.1, "overhead_microseconds": 60, "dynamodb_writes": 60, "back_seconds": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="outages of each kind for the worker's own store")
    arguments = parser.parse_args()
    console = Console(highlight=False, width=max(120, Console().width))
    logging.disable(logging.WARNING)  # of the libraries
    with capture_logs():
        results = asyncio.run(_measure(console, arguments.rounds))
        results["ten_minutes"] = {
            "failover, Redis well": write_cost.ten_minutes("failover", redis_is_well=True),
            "failover, Redis out": write_cost.ten_minutes("failover", redis_is_well=False),
            "durable": write_cost.ten_minutes("durable", redis_is_well=True),
        }
    console.print(_outage_table(results), _cost_table(results))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"progress-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"Kept in {file.relative_to(Path.cwd())}")


async def _measure(console: Console, rounds: int) -> dict[str, Any]:
    load_before = os.getloadavg()
    async with _dynamodb() as (client, job_table):
        keep_for_good()  # as the worker does
        console.print("Writes beside bare ones ...")
        open_writes = await write_cost.open_writes(job_table, client, _TABLE)
        overhead = await write_cost.overhead()
        faults = {}
        for name, fault in FAULTS.items():
            console.print(f"Outage: {name} ...")
            ours = [await outages.ours(fault, job_table) for _ in range(rounds)]
            library, multi = await outages.libraries(fault)
            faults[name] = {
                "budget_ms": fault.budget_seconds * 1000,
                "ours": [outage.summary() for outage in ours],
                "redis_py": library.summary(),
                "multi_db": multi and multi.summary(),
            }
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "load_before": load_before,
        },
        "rounds": rounds,
        "open_writes": open_writes,
        "overhead_microseconds": overhead,
        "outages": faults,
        "aims": _AIMS,
    }


@asynccontextmanager
async def _dynamodb() -> AsyncIterator[tuple[Any, DynamoJobTable]]:
    with servers.aws() as server:
        os.environ.update(aws_environment(f"http://{servers.HOST}:{server.port}"))
        async with open_client(aioboto3.Session(), "dynamodb", LIMITS) as client:
            await client.create_table(**a_table(_TABLE))
            yield client, DynamoJobTable(client, _TABLE, now=lambda: datetime.now(UTC))


def _outage_table(results: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, title=f"Outages of Redis: medians of {results['rounds']}; ms and s")
    for heading in ("", "worst of ten", "budget", "4th-10th", "back, s", "redis-py", "MultiDBClient"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, fault in results["outages"].items():
        ours = fault["ours"]
        table.add_row(
            name,
            f"{median(outage['worst_ms'] for outage in ours):.0f}",
            f"{fault['budget_ms']:.0f}",
            f"{median(write for outage in ours for write in outage['writes_ms'][3:]):.0f}",
            f"{median(outage['back_seconds'] for outage in ours):.1f}",
            _worst(fault["redis_py"]),
            _worst(fault["multi_db"]),
        )
    return table


def _worst(outage: Mapping[str, Any] | None) -> str:
    if outage is None:
        return "never connects"
    if outage["is_cut_off"]:
        return f"> {CUT_OFF_SECONDS:.0f} s"
    failed = f" ({outage['failed']} of {len(outage['writes_ms'])} lost)" if outage["failed"] else ""
    return f"{outage['worst_ms']:.0f}{failed}"


def _cost_table(results: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, title="What a write costs")
    for heading in ("", "measured", "aim"):
        table.add_column(heading, justify="right" if heading else "left")
    aims, writes, cpu = results["aims"], results["open_writes"], results["overhead_microseconds"]
    table.add_row(
        f"write while Redis is out over a bare DynamoDB write ({writes['ours_ms']} / {writes['bare_ms']} ms)",
        f"{writes['ratio']}",
        f"{aims['open_ratio']}",
    )
    table.add_row("CPU of a write: redis-py's evalsha, µs", f"{cpu['redis_py']}", "")
    table.add_row("CPU of a write: our adapter, µs", f"{cpu['adapter']}", "")
    added = cpu["store"] - cpu["adapter"]
    table.add_row("CPU that the store adds to that, µs", f"{added:.1f}", f"{aims['overhead_microseconds']}")
    for name, calls in results["ten_minutes"].items():
        aim = f"{aims['dynamodb_writes']}" if "well" in name else ""
        table.add_row(f"ten minutes, {name}: writes to DynamoDB", f"{calls['dynamodb_writes']}", aim)
        table.add_row(f"ten minutes, {name}: writes to Redis", f"{calls['redis_writes']}", "")
    return table


if __name__ == "__main__":
    main()
