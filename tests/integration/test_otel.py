"""What the SDK of OpenTelemetry makes of our spans."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.collector import a_collector
from tests.support.events import logged_events
from worker.adapters.otel import OtelTracer
from worker.domain.trace import TraceContext
from worker.events import Event
from worker.ports import JobTrace, Span

TRACE = "5759e988bd862e3fe1be46a994272793"


@pytest.mark.parametrize(
    "parent", [None, TraceContext(TRACE, None, is_sampled=True)], ids=["no-context", "a-trace-without-a-sender"]
)
async def test_a_job_whose_sender_is_not_known_begins_its_trace_or_is_the_first_in_that_of_x_ray(
    parent: TraceContext | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=sound")
        now = asyncio.get_running_loop().time()
        tracer = OtelTracer({"service.name": "worker"})
        tracer.record(JobTrace(Span("job", now - 2, now), [Span("convert", now - 1, now)], parent, {}))
        await asyncio.to_thread(tracer.close)

    convert, whole = collector.spans
    assert (whole.name, whole.parent_id, convert.parent_id) == ("job", "", whole.span_id)
    assert (whole.trace_id == TRACE) is (parent is not None)
    assert whole.trace_id == convert.trace_id
    assert whole.ended_at - whole.begun_at == pytest.approx(2e9, rel=0.01)
    assert (whole.resource["service.name"], whole.resource["team"]) == ("worker", "sound")


async def test_a_malformed_header_is_logged_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with a_collector() as collector, logged_events() as logged:
        collector.is_broken = True
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key:the-secret")
        now = asyncio.get_running_loop().time()
        tracer = OtelTracer({"service.name": "worker"})
        tracer.record(JobTrace(Span("job", now - 1, now), [], None, {}))
        await asyncio.to_thread(tracer.close)

    failed = logged.of(Event.TRACING_FAILED)
    assert "the-secret" not in caplog.text + str(failed)


async def test_a_trace_that_its_sender_does_not_record_is_not_begun_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        now = asyncio.get_running_loop().time()
        tracer = OtelTracer({"service.name": "worker"})
        for is_sampled in (False, True):
            parent = TraceContext(TRACE, None, is_sampled=is_sampled)
            tracer.record(JobTrace(Span("job", now - 1, now), [], parent, {}))
        await asyncio.to_thread(tracer.close)

    assert len(collector.spans) == 1
