"""The course of the demo: a batch of jobs, an outage of Redis in the middle, and a table at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from worker.application.messages.message import to_body
from worker.bootstrap.files import Files, open_files
from worker.client import Jobs
from worker.demo import sounds
from worker.demo.batch import Entry, entries_for_files, entries_for_sounds, programme
from worker.demo.outage import Overall, StagedOutage
from worker.demo.process import WorkerEndedError, WorkerProcess, running_gateway, running_worker
from worker.demo.screen import Screen, open_screen
from worker.demo.servers import ServerNotStartedError
from worker.demo.stack import SOURCES, TARGETS, Stack, open_stack
from worker.demo.summary import fetch_outputs, say_what_next, say_where, table_of
from worker.domain.errors import DependencyUnavailableError, WorkerError
from worker.domain.progress import Record, Status
from worker.settings import SUBMIT, load

Follow = Callable[[Entry, Overall], Coroutine[Any, Any, Record]]

_KILL_AT_PERCENT = 35.0
_RESTART_AT_PERCENT = 65.0
_KILL_AT_PERCENT_SHORT = 15.0
_RESTART_AT_PERCENT_SHORT = 30.0
_READ_SECONDS = 0.25
_CONCURRENCY = 2  # so that it takes about the same time on every machine
_DRAIN_SECONDS = 5


async def play(
    audio: Sequence[Path], *, directory: Path, short: bool, keep: bool, on_end: Callable[[int], None]
) -> int:
    """Run the demo. Returns 0 if every job completed. An error is shown in one line.

    When the results are shown, `on_end` is called with the exit code.
    """
    screen = open_screen()
    exit_code = 1
    try:
        with TemporaryDirectory(prefix="worker-demo-") as scratch:
            exit_code = await _play(screen, audio, Path(scratch), directory, short=short, keep=keep, on_end=on_end)
    except* (ServerNotStartedError, sounds.SoundNotMadeError, WorkerEndedError, WorkerError, OSError) as failures:
        screen.note(f"The demo cannot go on: {_first(failures)}")
    return exit_code


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _play(
    screen: Screen,
    audio: Sequence[Path],
    scratch: Path,
    directory: Path,
    *,
    short: bool,
    keep: bool,
    on_end: Callable[[int], None],
) -> int:
    async with AsyncExitStack() as stack:
        screen.note("Starting an emulated AWS, a real Redis, a worker and a gateway on 127.0.0.1 ...")
        servers = await stack.enter_async_context(open_stack())
        entries = await _prepare(audio, scratch, short=short)
        worker = await stack.enter_async_context(running_worker(_environment(servers, scratch)))
        page = await stack.enter_async_context(running_gateway(_environment_of_gateway(servers)))
        screen.note(f"The same jobs on a page, while the demo runs: {page}", emphasis=True)
        settings = load(servers.environment, needs=SUBMIT)
        jobs = await stack.enter_async_context(Jobs.of(settings))
        s3 = await stack.enter_async_context(open_files(settings))
        follow = partial(_follow, screen, jobs, s3)
        records = await _convert(screen, servers, worker, follow, entries, short=short)
        files = await fetch_outputs(s3.objects, records, directory)
        screen.note("")
        screen.console.print(table_of(entries, records, worker))
        screen.note("")
        say_where(screen, records, files, directory)
        exit_code = 0 if all(record.status is Status.COMPLETED for record in records) else 1
        on_end(exit_code)
        if keep:
            screen.note(f"All of it stays up for files of your own, until Ctrl-C: {page}", emphasis=True)
            await asyncio.Event().wait()
        say_what_next(screen, await worker.stop())
        return exit_code


def _environment(stack: Stack, scratch: Path) -> dict[str, str]:
    return {
        **stack.environment,
        "WORKER_CONCURRENCY": str(_CONCURRENCY),
        "WORKER_DRAIN_SECONDS": str(_DRAIN_SECONDS),
        "WORKER_HTTP_PORT": "off",
        "WORKER_LOG_FORMAT": "json",
        "WORKER_WORKSPACE": str(scratch / "workspace"),
    }


def _environment_of_gateway(stack: Stack) -> dict[str, str]:
    return {
        **stack.environment,
        "WORKER_LOG_FORMAT": "json",
        "WORKER_SERVE_SOURCE": f"s3://{SOURCES}/",
        "WORKER_SERVE_TARGET": f"s3://{TARGETS}/",
    }


async def _prepare(audio: Sequence[Path], scratch: Path, *, short: bool) -> Sequence[Entry]:
    if audio:
        return entries_for_files(audio)
    return entries_for_sounds(await sounds.make(programme(short=short), scratch), short=short)


async def _convert(
    screen: Screen, stack: Stack, worker: WorkerProcess, follow: Follow, entries: Sequence[Entry], *, short: bool
) -> list[Record]:
    """Submit the batch, show its progress through the outage, and return the final records."""
    overall = Overall(len(entries))
    outage = StagedOutage(stack.redis, worker, screen, overall)
    kill_at, restart_at = (
        (_KILL_AT_PERCENT_SHORT, _RESTART_AT_PERCENT_SHORT) if short else (_KILL_AT_PERCENT, _RESTART_AT_PERCENT)
    )
    with screen.live([entry.job.job_id for entry in entries]):
        async with asyncio.TaskGroup() as group:
            group.create_task(outage.run(kill_at_percent=kill_at, restart_at_percent=restart_at))
            follows = [group.create_task(follow(entry, overall)) for entry in entries]
    return [follow.result() for follow in follows]


async def _follow(screen: Screen, jobs: Jobs, s3: Files, entry: Entry, overall: Overall) -> Record:
    """Submit the job and show it until it is final."""
    upload = partial(s3.sources.upload, entry.file, entry.job.parts[0].source)
    record = await jobs.submit_message(json.loads(to_body(entry.job)), put_source=upload)
    screen.show(record, is_fresh=True)
    while not record.is_final:
        await asyncio.sleep(_READ_SECONDS)
        with suppress(DependencyUnavailableError):  # a busy machine: the next read shows it
            record = await jobs.get(entry.job.job_id) or record
            screen.show(record, is_fresh=record.fresh)
            overall.update(record)
    overall.finished()
    return record
