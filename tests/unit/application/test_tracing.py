"""The spans of an attempt: which steps they are, when they were, and what they say of its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import a_body, a_harness
from tests.support.virtual_time import now, virtual_time
from worker.domain.disposition import Ack
from worker.domain.errors import LeaseLostError, ShutdownError, StalledError
from worker.domain.progress import Status
from worker.domain.trace import TraceContext
from worker.events import Event
from worker.ports import JobTrace

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEPS = ["receive", "download", "convert", "upload", "commit"]


@dataclass
class FakeTracer:
    traces: list[JobTrace] = field(default_factory=list)

    def record(self, trace: JobTrace) -> None:
        self.traces.append(trace)


@virtual_time
async def test_a_job_has_a_span_for_each_step_one_after_the_other_in_the_trace_of_its_message(tmp_path: Path) -> None:
    tracer = FakeTracer()
    async with a_harness(tmp_path, tracer=tracer) as it:
        await asyncio.sleep(3)
        taken_up_at = now()
        work = it.work(traceparent=f"00-{TRACE}-{SPAN}-01")
        handling = await it.begins(work)
        await asyncio.sleep(20)
        it.converter.may_finish.set()
        await handling

    (trace,) = tracer.traces
    assert trace.parent == TraceContext(TRACE, SPAN, is_sampled=True)
    assert [step.name for step in trace.steps] == STEPS
    assert trace.whole.begun_at == trace.steps[0].begun_at == taken_up_at
    for before, after in zip(trace.steps, trace.steps[1:], strict=False):
        assert before.begun_at <= before.ended_at <= after.begun_at
    assert trace.steps[-1].ended_at == trace.whole.ended_at
    convert = trace.steps[STEPS.index("convert")]
    assert convert.ended_at - convert.begun_at == pytest.approx(20, abs=1)
    assert trace.attributes["job.outcome"] == "completed"
    assert (trace.attributes["job.id"], trace.attributes["job.attempt"]) == ("ep-1", 1)
    assert trace.error_code is None


@virtual_time
@pytest.mark.parametrize(
    ("reason", "outcome", "code"),
    [
        (ShutdownError(), "released", None),
        (StalledError(300), "retried", "stalled"),
        (LeaseLostError("the receipt handle is dead"), "lost", None),
    ],
)
async def test_a_step_that_is_cut_off_ends_with_its_attempt(
    reason: ShutdownError | StalledError | LeaseLostError, outcome: str, code: str | None, tmp_path: Path
) -> None:
    tracer = FakeTracer()
    async with a_harness(tmp_path, tracer=tracer) as it:
        work = it.work()
        handling = await it.begins(work)
        await asyncio.sleep(20)
        work.stop(reason)
        await handling
        ended_at = now()

    (trace,) = tracer.traces
    assert [step.name for step in trace.steps] == ["receive", "download", "convert", "commit"]
    assert trace.steps[2].ended_at == pytest.approx(ended_at, abs=1)
    assert (trace.attributes["job.outcome"], trace.error_code, trace.parent) == (outcome, code, None)


@virtual_time
async def test_what_does_not_run_has_no_spans(tmp_path: Path) -> None:
    tracer = FakeTracer()
    async with a_harness(tmp_path, tracer=tracer) as it:
        await it.handle()
        await it.handle(receive_count=2)
        await it.handle(a_body("ep 2"))

    assert [trace.attributes["job.id"] for trace in tracer.traces] == ["ep-1"]


class BrokenTracer:
    def record(self, trace: JobTrace) -> None:
        raise RuntimeError(f"no span of {trace.whole.name}")


@virtual_time
async def test_a_tracer_that_raises_changes_nothing_about_the_end_of_a_job(tmp_path: Path) -> None:
    async with a_harness(tmp_path, tracer=BrokenTracer()) as it:
        with logged_events() as logged:
            assert await it.handle() == Ack()

        assert it.record().status is Status.COMPLETED
        assert len(it.publisher.events) == 1
        assert logged.one(Event.JOB_COMPLETED)
        assert logged.one(Event.TRACING_FAILED)["error"] == "RuntimeError: no span of job"
