"""The job table against answers that no emulator gives."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import aioboto3
import pytest
from aiohttp import web

from tests.support.budgets import check_budget
from tests.support.records import a_record
from tests.support.scripted_http import scripted_http
from worker.adapters.aws.client import open_client
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_table import LIMITS, DynamoJobTable
from worker.ports import StoreUnavailableError, WriteResult

PATIENT = Budgets(tick_seconds=10)  # a busy machine ends no call early
REFUSAL = '{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'


class Answers:
    """What the endpoint answers, one after the other; the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.calls = 0

    async def answer(self, _request: web.Request) -> web.StreamResponse:
        self.calls += 1
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        text = REFUSAL if status == 400 else "{}"
        return web.Response(status=status, text=text, content_type="application/x-amz-json-1.0")


async def written(answers: Answers, session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch) -> WriteResult:
    async with scripted_http(answers.answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with open_client(session, "dynamodb", replace(LIMITS, connect_seconds=10, read_seconds=10)) as client:
            table = DynamoJobTable(client, "jobs", now=lambda: datetime.now(UTC), budgets=PATIENT)
            return await table.write(a_record())


async def test_one_failure_of_the_server_is_outlived_within_the_budget(
    aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(500, 200)
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await written(answers, aws_session, monkeypatch) is WriteResult.APPLIED
    seconds = loop.time() - began

    assert answers.calls == 2
    check_budget(seconds, Budgets().tick_seconds, "both tries")


async def test_a_server_that_keeps_failing_is_asked_twice_and_no_more(
    aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(500)
    loop = asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(StoreUnavailableError, match="answered 500"):
        await written(answers, aws_session, monkeypatch)

    assert answers.calls == 2
    check_budget(loop.time() - began, 2, "both tries")


@pytest.mark.parametrize(
    ("statuses", "is_refusal"), [((400,), True), ((500, 400), False), ((400, 500), False), ((418,), False)]
)
async def test_a_write_is_known_to_be_refused_only_where_each_try_was(
    statuses: tuple[int, ...], is_refusal: bool, aws_session: aioboto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(*statuses)

    with pytest.raises(StoreUnavailableError) as caught:
        await written(answers, aws_session, monkeypatch)

    assert caught.value.is_refusal is is_refusal
