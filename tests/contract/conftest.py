"""The job tables on which suites run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.stores import FakeJobTable
from worker.adapters.dynamodb.job_table import Budgets, DynamoJobTable
from worker.ports import JobTable


@pytest.fixture
async def dynamo_job_table(dynamodb_client: Any, table: str) -> DynamoJobTable:
    return DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budgets=Budgets(20, 20))


@pytest.fixture(params=["fake", "dynamodb"])
def job_table(request: pytest.FixtureRequest) -> JobTable:
    found: JobTable = FakeJobTable() if request.param == "fake" else request.getfixturevalue("dynamo_job_table")
    return found
