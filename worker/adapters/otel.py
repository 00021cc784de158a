"""Spans of jobs for an OpenTelemetry collector, by OpenTelemetry's own SDK. Only imported where one is named.

The SDK reads its own variables, the address of the collector first of all:
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
A thread of the SDK's sends them. Where the collector does not answer, they are dropped, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from worker.domain.trace import TraceContext
from worker.events import Event, emit
from worker.ports import JobTrace

_CLOSE_SECONDS = 2.0
_HEADERS_LOGGER = "opentelemetry.util.re"
_NANOSECONDS = 1_000_000_000


class OtelTracer:
    """Records spans as the SDK's variables say. `resource` names this process where they do not."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._ids = _Ids()
        complaints = _Complaints()  # before the SDK reads its variables, of which it may complain
        exporter = _WatchedExporter(OTLPSpanExporter(), complaints)
        self._provider = TracerProvider(
            resource=Resource.create(resource).merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
            shutdown_on_exit=False,  # that would wait for the collector
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("worker")

    def record(self, trace: JobTrace) -> None:
        """Take the spans. Raises nothing."""
        if trace.parent is not None and not trace.parent.is_sampled and trace.parent.span_id is None:
            return  # with a span of the sender's, the SDK sees to it
        nanoseconds = _epoch_nanoseconds()
        with self._ids.of(trace.parent):
            whole = self._tracer.start_span(
                trace.whole.name,
                _context_of(trace.parent),
                SpanKind.CONSUMER,
                {"messaging.system": "aws_sqs", "messaging.operation.type": "process", **trace.attributes},
                start_time=nanoseconds(trace.whole.begun_at),
            )
        inside = set_span_in_context(whole, Context())
        for step in trace.steps:
            span = self._tracer.start_span(step.name, inside, start_time=nanoseconds(step.begun_at))
            span.end(nanoseconds(step.ended_at))
        if trace.error_code is not None:
            whole.set_attribute("error.type", trace.error_code)
            whole.set_status(Status(StatusCode.ERROR))
        whole.end(nanoseconds(trace.whole.ended_at))

    def close(self) -> None:
        """Send what is left, for at most two seconds: a process that ends does not wait for a collector."""
        closing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


def _epoch_nanoseconds() -> Callable[[float], int]:
    """A function from loop time to the nanoseconds since 1970 that the SDK takes, by the clocks as they are now."""
    offset = time.time() - asyncio.get_running_loop().time()
    return lambda loop_time: int((offset + loop_time) * _NANOSECONDS)


def _context_of(parent: TraceContext | None) -> Context:
    """The sender's span as the parent, with its decision whether the trace is recorded."""
    if parent is None or parent.span_id is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT)
    sender = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(sender), Context())


class _Ids(RandomIdGenerator):
    """Random ids, but for a trace whose sender is not known: X-Ray's header may name the trace alone."""

    def __init__(self) -> None:
        self._trace_id: int | None = None

    @contextmanager
    def of(self, parent: TraceContext | None) -> Iterator[None]:
        """Inside the `with`, put a span that has no parent into the trace of `parent`."""
        self._trace_id = None if parent is None else int(parent.trace_id, 16)
        try:
            yield
        finally:
            self._trace_id = None

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self._trace_id is None else self._trace_id


class _WatchedExporter(SpanExporter):
    """Says once in the log that the collector does not take spans, and once that it does again."""

    def __init__(self, exporter: SpanExporter, complaints: _Complaints) -> None:
        self._exporter = exporter
        self._complaints = complaints
        self._failed_at: float | None = None
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            if self._failed_at is None:
                self._failed_at = time.monotonic()
                emit(Event.TRACING_FAILED, error=self._complaints.last)
        elif self._failed_at is not None:
            outage_seconds = round(time.monotonic() - self._failed_at, 3)
            emit(Event.TRACING_RECOVERED, outage_seconds=outage_seconds, spans_lost=self._lost)
            self._failed_at, self._lost = None, 0
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Complaints(logging.Handler):
    """Keeps the SDK's warnings, which it repeats again and again, out of the log. `last` is the newest."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "the collector did not take the spans"
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _HEADERS_LOGGER:  # it says the whole header, with its secret
            self.last = "OTEL_EXPORTER_OTLP_HEADERS has an entry that is not name=value"
        else:
            self.last = record.getMessage()
