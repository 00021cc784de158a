"""`worker retry`, `worker redrive` and `worker jobs`: what they say, what they take, and how they exit."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.operations import FakeDeadLetters
from tests.fakes.queue import DeadLetter, FakeQueue
from tests.fakes.stores import FakeJobTable
from tests.support.clients import a_client
from tests.support.records import NOW, a_record, completed
from tests.support.virtual_time import virtual_time
from tests.support.worker_with_commands import a_worker_with_commands
from worker.application.operations.redrive import Redrive
from worker.cli import main
from worker.cli.arguments import parse
from worker.cli.jobs import show
from worker.cli.redrive import move
from worker.cli.retry import retry
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, NoAudioError, WorkerError
from worker.domain.outcome import Failed, record_of
from worker.domain.progress import Status, Version
from worker.ports import DeadLetter as Received
from worker.ports import NoIndexError

Capture = pytest.CaptureFixture[str]


def dead_letters(*job_ids: str, foreign: int = 0) -> tuple[FakeQueue, FakeDeadLetters]:
    queue = FakeQueue()
    queue.dead_letters += [DeadLetter(name, "{}", Reject(NoAudioError(), name, 1)) for name in job_ids]
    queue.dead_letters += [DeadLetter(f"foreign-{number}", "{}", None) for number in range(foreign)]
    return queue, FakeDeadLetters(queue)


def options(*arguments: str) -> Namespace:
    return parse(arguments)


# --- retry ---------------------------------------------------------------------------------------------------------


@virtual_time
async def test_each_job_that_is_retried_is_named_once(tmp_path: Path, capsys: Capture) -> None:
    async with a_worker_with_commands(tmp_path) as system:
        await system.failed()
        capsys.readouterr()

        async with a_client(system.harness.table, system.harness.redis, sender=system.sender) as jobs:
            code = await retry(jobs, ["ep-1", "nobody", "ep-1"])

        assert code == 4
        assert capsys.readouterr() == ("ep-1 is queued for run 2\n", "worker: there is no job nobody\n")


# --- redrive -------------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_redrive_says_how_many_it_moved_and_whose_the_others_are(capsys: Capture) -> None:
    queue, letters = dead_letters("ep-1", "ep-2", foreign=2)

    assert await move(Redrive(letters), options("redrive")) == 0

    out, err = capsys.readouterr()
    assert out == "2 moved back, 0 left\n"
    assert err == "2 others were not rejected by a worker: SQS moved them, and so can move them back\n"
    assert len(queue) == 2


@virtual_time
async def test_a_redrive_that_ends_at_its_limit_does_not_count_what_it_has_not_looked_at(capsys: Capture) -> None:
    _, letters = dead_letters(*(f"ep-{number}" for number in range(15)))

    assert await move(Redrive(letters), options("redrive", "--limit", "1")) == 0

    assert capsys.readouterr().out == "1 moved back, as many as --limit says; all others are left\n"


@virtual_time
async def test_a_message_that_is_rejected_again_during_a_redrive_is_not_moved_again(capsys: Capture) -> None:
    queue, _ = dead_letters("ep-1", "ep-2")

    class BesideWorkers(FakeDeadLetters):
        """Workers reject each message again at once."""

        async def move_back(self, letters: Sequence[Received]) -> Sequence[WorkerError | None]:
            results = await super().move_back(letters)
            queue.dead_letters += [
                DeadLetter(f"{each.message_id} again", each.body, Reject(NoAudioError(), each.job_id, 1))
                for each in letters
            ]
            return results

    letters = BesideWorkers(queue)

    assert await move(Redrive(letters), options("redrive")) == 0

    assert capsys.readouterr().out == "2 moved back, 2 left\n"
    assert len(queue) == 2


@virtual_time
async def test_a_redrive_that_fails_says_what_it_had_done_and_hides_nothing(capsys: Capture) -> None:
    queue, letters = dead_letters(*(f"ep-{number}" for number in range(15)))
    letters.failure = DependencyUnavailableError("SQS")

    with pytest.raises(DependencyUnavailableError):
        await move(Redrive(letters), options("redrive"))

    assert capsys.readouterr().err == "worker: 0 of the dead letters were moved back before this\n"
    assert len(queue) == 0
    assert len(await letters.receive()) == 10


@virtual_time
async def test_a_redrive_that_fails_for_one_letter_counts_the_others_of_its_batch(capsys: Capture) -> None:
    queue, _ = dead_letters(*(f"ep-{number}" for number in range(15)))
    failure = DependencyUnavailableError("SQS")

    class ThrottledAtTheLast(FakeDeadLetters):
        async def move_back(self, letters: Sequence[Received]) -> Sequence[WorkerError | None]:
            return [*await super().move_back(letters[:-1]), failure]

    letters = ThrottledAtTheLast(queue)

    with pytest.raises(DependencyUnavailableError):
        await move(Redrive(letters), options("redrive"))

    assert capsys.readouterr().err == "worker: 9 of the dead letters were moved back before this\n"
    assert len(queue) == 9
    assert len(await letters.receive()) == 6


@virtual_time
async def test_a_redrive_that_is_interrupted_says_that_more_may_have_been_moved(capsys: Capture) -> None:
    queue, _ = dead_letters(*(f"ep-{number}" for number in range(15)))

    class Interrupted(FakeDeadLetters):
        async def move_back(self, letters: Sequence[Received]) -> Sequence[WorkerError | None]:
            if len(letters) < 10:
                await super().move_back(letters[:1])
                raise asyncio.CancelledError
            return await super().move_back(letters)

    with pytest.raises(asyncio.CancelledError):
        await move(Redrive(Interrupted(queue)), options("redrive"))

    assert "worker: at least 10 of the dead letters were moved back before this\n" in capsys.readouterr().err
    assert len(queue) == 11


@virtual_time
async def test_a_dry_redrive_that_fails_speaks_of_no_letter_that_was_moved(capsys: Capture) -> None:
    queue, _ = dead_letters("ep-1")

    class GoneAtTheEnd(FakeDeadLetters):
        async def leave(self, letters: Sequence[Received]) -> None:
            raise DependencyUnavailableError("SQS")

    with pytest.raises(DependencyUnavailableError):
        await move(Redrive(GoneAtTheEnd(queue)), options("redrive", "--dry-run"))

    assert "before this" not in capsys.readouterr().err


@virtual_time
async def test_a_dry_redrive_escapes_what_it_prints(capsys: Capture) -> None:
    _, letters = dead_letters("ep-1\x1b[31m")

    await move(Redrive(letters), options("redrive", "--dry-run"))

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "1 would be moved back, 0 left"


@pytest.mark.parametrize("arguments", [("--code", "nonsense"), ("--limit", "0"), ("--limit", "x")])
def test_what_a_redrive_cannot_do_is_wrong_usage(arguments: tuple[str, ...], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["redrive", *arguments])
    assert exit_.value.code == 64
    assert arguments[0] in capsys.readouterr().err


# --- jobs ----------------------------------------------------------------------------------------------------------


async def test_a_list_names_status_job_and_reason(capsys: Capture) -> None:
    table = FakeJobTable()
    running = a_record(1000, 7, job_id="one", run=2)
    await table.write(running)
    await table.write(completed(a_record(1000, job_id="two", updated_at=NOW - timedelta(minutes=1)), 8))
    broken = a_record(1000, 7, job_id="three", updated_at=NOW - timedelta(minutes=2))
    await table.write(record_of(Failed(NoAudioError(), 1), broken, Version(1000, 8), broken.updated_at))

    async with a_client(table) as jobs:
        assert await show(jobs, options("jobs")) == 0

    assert capsys.readouterr().out.splitlines() == [
        "2026-11-22 20:01:02Z  running    one    run 2, 7 %",
        "2026-11-22 20:00:02Z  completed  two",
        f"2026-11-22 19:59:02Z  failed     three  no_audio: {NoAudioError()}",
    ]


async def test_a_list_as_json_is_one_document_also_where_it_is_empty(capsys: Capture) -> None:
    table = FakeJobTable()
    async with a_client(table) as jobs:
        assert await show(jobs, options("jobs", "--json")) == 0
        assert json.loads(capsys.readouterr().out) == []
        await table.write(a_record())
        await show(jobs, options("jobs", "--json", "--status", "running"))
    assert json.loads(capsys.readouterr().out) == [a_record().to_dict()]


async def test_a_table_without_the_index_says_so() -> None:
    async with a_client(FakeJobTable(), is_indexed=False) as jobs:
        with pytest.raises(NoIndexError):
            await show(jobs, options("jobs"))


def test_a_time_is_a_moment_or_how_long_ago_it_is() -> None:
    for text, moment in (
        ("2026-11-22T20:00Z", datetime(2026, 11, 22, 20, tzinfo=UTC)),
        ("2026-11-22T20:00", datetime(2026, 11, 22, 20, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T21:00+01:00", datetime(2026, 11, 22, 20, tzinfo=UTC)),
    ):
        assert options("jobs", "--since", text).since == moment
    for text, seconds in (("90m", 5400), ("12h", 43200), ("7d", 604800), ("30s", 30), ("1.5h", 5400), ("-5m", 300)):
        for arguments in (("--since", text), (f"--since={text}",)):
            ago = datetime.now(UTC) - options("jobs", *arguments).since
            assert abs(ago.total_seconds() - seconds) < 60


@pytest.mark.parametrize("text", ["yesterday", "", "h", "1e999d", "-", "--5m", "-m", "-2026-11-22"])
def test_a_time_that_is_none_is_wrong_usage(text: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit_:
        options("jobs", f"--since={text}")
    assert exit_.value.code == 64
    assert "--since" in capsys.readouterr().err


def test_a_status_is_one_of_the_five() -> None:
    assert options("jobs", "--status", "failed").status is Status.FAILED
    with pytest.raises(SystemExit):
        options("jobs", "--status", "broken")
