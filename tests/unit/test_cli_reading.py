"""`worker status` and `worker watch`: what a person and a script see of a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.records import a_record, completed
from worker.application.progress.reader import Reader
from worker.cli import watch
from worker.cli.status import show
from worker.cli.watch import Bar, follow
from worker.domain.errors import NoAudioError
from worker.domain.progress import ErrorInfo, Record, Status, Version

Capture = pytest.CaptureFixture[str]


def failed_record() -> Record:
    return replace(
        a_record(seq=9), status=Status.FAILED, stage=None, eta_seconds=None, error=ErrorInfo.of(NoAudioError())
    )


@pytest.fixture(name="table")
def table_fixture() -> FakeJobTable:
    return FakeJobTable()


@pytest.fixture(name="redis")
def redis_fixture() -> FakeProgressCache:
    return FakeProgressCache()


@pytest.fixture(name="reader")
def reader_fixture(table: FakeJobTable, redis: FakeProgressCache) -> Reader:
    return Reader(table, redis, random=lambda: 0.0)


async def test_status_as_json_is_the_record_and_nothing_else(
    reader: Reader, table: FakeJobTable, capsys: Capture
) -> None:
    record = a_record()
    table.held[record.job_id] = record
    assert await show(reader, record.job_id, as_json=True) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == record.to_dict()
    assert err == ""


async def test_status_says_when_redis_could_not_be_asked(
    reader: Reader, table: FakeJobTable, redis: FakeProgressCache, capsys: Capture
) -> None:
    record = a_record()
    table.held[record.job_id] = record
    redis.breaks()
    assert await show(reader, record.job_id, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == record.to_dict() | {"fresh": False}
    assert await show(reader, record.job_id, as_json=False) == 0
    assert "may be further" in capsys.readouterr().out


@pytest.mark.parametrize(("as_json", "expected"), [(True, "null\n"), (False, "")])
async def test_status_of_an_unknown_job_ends_with_4(
    as_json: bool, expected: str, reader: Reader, capsys: Capture
) -> None:
    assert await show(reader, "ep-1", as_json=as_json) == 4
    assert capsys.readouterr() == (expected, "worker: there is no job ep-1\n")


async def test_status_shows_a_small_table(reader: Reader, table: FakeJobTable, capsys: Capture) -> None:
    table.held["ep-0142"] = completed(a_record(), 9)
    await show(reader, "ep-0142", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert "status   completed, 100 %" in lines
    assert "source   s3://podcasts-in/ep 0142 – ü.wav" in lines
    assert "output   s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20" in lines
    table.held["ep-0142"] = failed_record()
    await show(Reader(table, None), "ep-0142", as_json=False)
    assert "error    no_audio: the source has no audio stream" in capsys.readouterr().out.splitlines()


async def test_watch_follows_a_job_to_its_completion(
    reader: Reader, redis: FakeProgressCache, table: FakeJobTable, capsys: Capture
) -> None:
    await redis.write(a_record(seq=41))
    await table.write(completed(a_record(), 50))
    assert await follow(reader, "ep-0142") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-2:] == [
        "ep-0142 completed 100 %",
        "s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20",
    ]
    assert err == ""


async def test_watch_of_a_failed_job_ends_with_1_and_the_reason(
    reader: Reader, table: FakeJobTable, capsys: Capture
) -> None:
    table.held["ep-0142"] = failed_record()
    assert await follow(reader, "ep-0142") == 1
    assert capsys.readouterr().err == "worker: ep-0142 failed (no_audio): the source has no audio stream\n"


class Script(FakeJobTable):
    """A table that shows the next step of a story with each read."""

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
    assert await follow(Reader(table, None), "ep-0142") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "ep-0142 has no record yet",
        "ep-0142 converting 12 %, 0:12 left",
        "ep-0142 converting 25 %, 0:12 left",
        "ep-0142 completed 100 %",
        "s3://podcasts-out/ep-0142.mp3  4.8 MB  3:20",
    ]
    assert err == "worker: the progress stores did not answer (no route); still trying\n"


async def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(watch, "_view", Bar)
    monkeypatch.setattr("worker.application.progress.reader._POLL_SECONDS", (0.001, 0.001))
    script = Script(
        lambda _: None, lambda _: None, holds(a_record(seq=41, attempt=2)), holds(completed(a_record(), 50))
    )
    assert await follow(Reader(script, None), "ep-0142") == 0
    out = capsys.readouterr().out
    assert "ep-0142" in out
    assert "100.0 %" in out


async def test_a_bar_tells_stage_attempt_and_doubt(capsys: Capture) -> None:
    with Bar("ep-0142") as bar:
        bar.wait()
        bar.show(a_record(seq=41, attempt=2, version=Version(2000, 41)), is_fresh=False)
    assert "converting, attempt 2, 0:12 left, may lag" in " ".join(capsys.readouterr().out.split())
