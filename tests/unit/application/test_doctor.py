"""The doctor tries everything at once, each within a time limit, and says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.support.events import logged_events
from tests.support.virtual_time import virtual_time
from worker.application.operations.diagnosis import State, Verdict
from worker.application.operations.doctor import Check, Subject, can_run, diagnose, report_failures
from worker.domain.errors import DependencyUnavailableError
from worker.events import Event
from worker.ports import DependencyMissingError, NotAllowedError


def check(run: Callable[[], Awaitable[Verdict]], *, is_essential: bool = True) -> Check:
    return Check("queue", Subject("WORKER_QUEUE_URL", "q"), run, "check WORKER_QUEUE_URL", is_essential)


async def well() -> Verdict:
    await asyncio.sleep(0)
    return Verdict(State.OK, "standard")


async def hangs() -> Verdict:
    await asyncio.Event().wait()
    raise AssertionError


async def fails() -> Verdict:
    await asyncio.sleep(0)
    raise DependencyUnavailableError("SQS")


async def denies() -> Verdict:
    await asyncio.sleep(0)
    raise NotAllowedError("sqs:GetQueueAttributes")


async def breaks() -> Verdict:
    await asyncio.sleep(0)
    raise KeyError("secret")


async def test_one_finding_for_each_check_in_their_order() -> None:
    findings = await diagnose([check(well), check(hangs), check(fails), check(breaks)], timeout_seconds=0.05)
    assert [finding.verdict.state for finding in findings] == [State.OK, State.FAILED, State.FAILED, State.FAILED]
    assert findings[1].verdict.detail.startswith("no answer within")
    assert findings[2].verdict == Verdict(State.FAILED, "SQS did not answer", "check WORKER_QUEUE_URL")
    assert "secret" not in findings[3].verdict.detail
    assert findings[1].duration_seconds >= 0.04
    assert not can_run(findings)


async def missing() -> Verdict:
    await asyncio.sleep(0)
    raise DependencyMissingError("table jobs")


@virtual_time
async def test_a_start_logs_what_is_set_up_wrong_and_no_outage() -> None:
    checks = [check(run) for run in (well, fails, hangs, breaks, denies, missing)]

    with logged_events() as logged:
        reporting = asyncio.create_task(report_failures(checks))
        await asyncio.sleep(60)

    line = logged.one(Event.CHECK_FAILED)
    assert (line["error"], line["advice"]) == ("table jobs does not exist", "check WORKER_QUEUE_URL")
    assert not reporting.done()
    reporting.cancel()


async def test_what_the_worker_can_do_without_only_degrades() -> None:
    findings = await diagnose([check(fails, is_essential=False), check(denies)])
    assert [finding.verdict.state for finding in findings] == [State.DEGRADED, State.DEGRADED]
    assert findings[1].verdict.advice == "allow sqs:GetQueueAttributes, or check by hand"
    assert can_run(findings)
