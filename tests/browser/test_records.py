"""Which of two records of a job counts for `jobs.js`: the one that counts for every other reader."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

from playwright.sync_api import Page

from tests.support.records import a_record
from worker.domain.progress import Record, Stage, Status, Version, newest

IS_NEWER = """async (pairs) => {
    const { isNewer } = await import("/page/jobs.js");
    return pairs.map(([record, other]) => isNewer(record, other));
}"""
WATCH = """async (id) => {
    const { Jobs } = await import("/page/jobs.js");
    const seen = [];
    for await (const record of new Jobs().watch(id)) seen.push([record.status, record.seq]);
    return seen;
}"""


def a_state(status: Status, run: int, version: Version) -> Record:
    percent = 100.0 if status is Status.COMPLETED else 0.0
    stage = Stage.CONVERTING if status is Status.RUNNING else None
    return replace(a_record(), status=status, stage=stage, percent=percent, run=run, version=version)


def test_of_two_records_that_counts_which_counts_for_the_client_and_the_commands(page: Page) -> None:
    versions = [Version(7, 1), Version(7, 2), Version(8, 1)]
    states = [a_state(*each) for each in product(Status, (1, 2), versions)]
    pairs = [(record, other) for record, other in product(states, states) if record != other]

    found = page.evaluate(IS_NEWER, [[record.to_dict(), other.to_dict()] for record, other in pairs])

    counts = [newest(other, record) is record for record, other in pairs]
    assert found == counts


def test_an_end_is_shown_though_a_tick_with_a_higher_number_came_before_it(page: Page) -> None:
    tick = a_state(Status.RUNNING, 1, Version(7, 9))
    end = a_state(Status.FAILED, 1, Version(7, 5))
    page.route("**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=stream(tick, end)))

    seen: Any = page.evaluate(WATCH, tick.job_id)

    assert seen == [["running", 9], ["failed", 5]]


def stream(*records: Record) -> str:
    return "".join(f"event: progress\ndata: {json.dumps(record.to_dict())}\n\n" for record in records)
