"""`worker status` and `worker watch`: what a person and a script see of a record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.clients import a_client
from tests.support.records import a_record, completed
from worker.cli.console import say
from worker.cli.exits import ExitCode
from worker.cli.status import show
from worker.cli.watch import conclude, follow
from worker.client import Jobs
from worker.domain.errors import NoAudioError
from worker.domain.progress import ErrorInfo, OutputRecord, Record, Status

Capture = pytest.CaptureFixture[str]


def failed_record() -> Record:
    return replace(
        a_record(seq=9), status=Status.FAILED, stage=None, eta_seconds=None, error=ErrorInfo.of(NoAudioError())
    )


async def watched(jobs: Jobs, timeout_seconds: float | None = None) -> ExitCode:
    """`worker watch ep-0142`, without its connections."""
    record = await follow(jobs, "ep-0142", timeout_seconds=timeout_seconds)
    return conclude("ep-0142", record, on_output=say)


@pytest.fixture(name="table")
def table_fixture() -> FakeJobTable:
    return FakeJobTable()


@pytest.fixture(name="redis")
def redis_fixture() -> FakeProgressCache:
    return FakeProgressCache()


@pytest.fixture(name="jobs")
async def jobs_fixture(table: FakeJobTable, redis: FakeProgressCache) -> AsyncIterator[Jobs]:
    async with a_client(table, redis) as jobs:
        yield jobs


async def test_a_code_that_a_later_version_has_added_is_shown_as_it_is(
    jobs: Jobs, table: FakeJobTable, capsys: Capture
) -> None:
    document = failed_record().to_dict()
    document["error"] |= {"code": "of_a_later_version", "field": "added, too"}
    record = Record.from_json(json.dumps(document))
    table.held[record.job_id] = record

    assert await show(jobs, record.job_id, as_json=False) == 0
    assert await watched(jobs) == 1

    out, err = capsys.readouterr()
    assert "of_a_later_version: " in out
    assert f"{record.job_id} failed (of_a_later_version): " in err


async def test_status_as_json_is_the_record_and_nothing_else(jobs: Jobs, table: FakeJobTable, capsys: Capture) -> None:
    record = a_record()
    table.held[record.job_id] = record
    assert await show(jobs, record.job_id, as_json=True) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == record.to_dict()
    assert err == ""


async def test_status_says_when_redis_could_not_be_asked(
    jobs: Jobs, table: FakeJobTable, redis: FakeProgressCache, capsys: Capture
) -> None:
    record = a_record()
    table.held[record.job_id] = record
    redis.breaks()
    assert await show(jobs, record.job_id, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == record.to_dict() | {"fresh": False}
    assert await show(jobs, record.job_id, as_json=False) == 0
    assert "may be further" in capsys.readouterr().out


@pytest.mark.parametrize(("as_json", "expected"), [(True, "null\n"), (False, "")])
async def test_status_of_an_unknown_job_ends_with_4(as_json: bool, expected: str, jobs: Jobs, capsys: Capture) -> None:
    assert await show(jobs, "ep-1", as_json=as_json) == 4
    assert capsys.readouterr() == (expected, "worker: there is no job ep-1\n")


async def test_keys_of_objects_cannot_forge_lines_or_control_the_terminal(
    jobs: Jobs, table: FakeJobTable, capsys: Capture
) -> None:
    key = "s3://b/a\nstatus   completed\x1b[2J\u202egpj"
    await table.write(replace(a_record(), source=key, outputs=(OutputRecord(key),)))

    await show(jobs, "ep-0142", as_json=False)

    shown = [line for line in capsys.readouterr().out.splitlines() if "s3://b/a" in line]
    assert shown == [f"{name:<8} s3://b/a\\nstatus   completed\\x1b[2J\\u202egpj" for name in ("source", "output")]


async def test_status_with_a_timeout_asks_again_until_a_store_answers(capsys: Capture) -> None:
    table = Script(FakeJobTable.breaks, FakeJobTable.breaks, holds(a_record()))

    async with a_client(table) as jobs:
        assert await show(jobs, "ep-0142", as_json=True, timeout_seconds=30) == 0
    assert json.loads(capsys.readouterr().out)["job_id"] == "ep-0142"


async def test_status_ends_with_124_where_no_store_answers_in_time(table: FakeJobTable, capsys: Capture) -> None:
    table.breaks()

    async with a_client(table) as jobs:
        assert await show(jobs, "ep-0142", as_json=True, timeout_seconds=0.01) == 124
    assert capsys.readouterr() == ("", "worker: the progress stores did not answer within 0.01 s\n")


async def test_status_shows_a_small_table(jobs: Jobs, table: FakeJobTable, capsys: Capture) -> None:
    table.held["ep-0142"] = completed(a_record(), 9)
    await show(jobs, "ep-0142", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert "status   completed, 100 %" in lines
    assert "source   s3://podcasts-in/ep 0142 – ü.wav" in lines
    assert "output   s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20" in lines
    table.held["ep-0142"] = failed_record()
    async with a_client(table) as others:
        await show(others, "ep-0142", as_json=False)
    assert "error    no_audio: the source has no audio stream" in capsys.readouterr().out.splitlines()


async def test_watch_follows_a_job_to_its_completion(
    jobs: Jobs, redis: FakeProgressCache, table: FakeJobTable, capsys: Capture
) -> None:
    await redis.write(a_record(seq=41))
    await table.write(completed(a_record(), 50))
    assert await watched(jobs) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20"]
    assert err.splitlines()[-1] == "ep-0142 completed 100 %"


async def test_watch_of_a_failed_job_ends_with_1_and_the_reason(
    jobs: Jobs, table: FakeJobTable, capsys: Capture
) -> None:
    table.held["ep-0142"] = failed_record()
    assert await watched(jobs) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "worker: ep-0142 failed (no_audio): the source has no audio stream"


async def test_watch_of_a_job_that_is_not_final_in_time_ends_with_124(
    jobs: Jobs, table: FakeJobTable, capsys: Capture
) -> None:
    table.held["ep-0142"] = a_record()

    assert await watched(jobs, timeout_seconds=0.5) == 124
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "worker: ep-0142 is not final after 0.5 s; it goes on, but is no longer watched"


async def test_watch_does_not_say_that_a_job_goes_on_of_which_it_has_seen_nothing(jobs: Jobs, capsys: Capture) -> None:
    assert await watched(jobs, timeout_seconds=0.01) == 124
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "worker: no record of ep-0142 was seen within 0.01 s; it is no longer watched"


class Script(FakeJobTable):
    """A table that returns the next record of a script with each read."""

    def __init__(self, *steps: Callable[[FakeJobTable], None]) -> None:
        super().__init__()
        self._steps = list(steps)

    async def read(self, job_id: str) -> Record | None:
        if self._steps:
            self._steps.pop(0)(self)
        return await super().read(job_id)


def holds(record: Record) -> Callable[[FakeJobTable], None]:
    def step(table: FakeJobTable) -> None:
        table.works()
        table.held[record.job_id] = record

    return step


async def test_watch_waits_for_a_first_record_and_survives_an_outage(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("worker.application.progress.reader._POLL_SECONDS", (0.001, 0.001))
    table = Script(
        lambda table: table.breaks("no route"),
        FakeJobTable.works,
        holds(a_record(seq=12)),
        FakeJobTable.breaks,
        FakeJobTable.breaks,
        holds(a_record(seq=14)),
        holds(a_record(seq=25)),
        holds(completed(a_record(), 50)),
    )
    async with a_client(table) as jobs:
        assert await watched(jobs) == 0
    out, err = capsys.readouterr()
    assert out == "s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20\n"
    assert err.splitlines() == [
        "worker: the progress stores did not answer (no route); still trying",
        "ep-0142 has no record yet",
        "ep-0142 converting 12 %, 0:12 left",
        "ep-0142 converting 25 %, 0:12 left",
        "ep-0142 completed 100 %",
    ]
