"""A collector of OpenTelemetry: an HTTP server that keeps the spans that it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.stack import wait_for
from worker.demo.servers import HOST


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it was sent. Ids are hex, times are epoch nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun_at: int
    ended_at: int
    is_error: bool
    attributes: dict[str, str]
    resource: dict[str, str]


class Collector:
    """`spans` are those that came so far; while `is_broken`, requests are answered with an error."""

    def __init__(self, port: int) -> None:
        self.spans: list[ReceivedSpan] = []
        self.is_broken = False
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                is_taken = self.path == "/v1/traces" and not collector.is_broken
                if is_taken:
                    collector.spans += _spans_of(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if is_taken else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def trace_of(self, job_id: str) -> dict[str, ReceivedSpan]:
        """The spans of the job's first attempt by their names, when all of them are there."""

        def look() -> dict[str, ReceivedSpan] | None:
            whole = next((each for each in self.spans if each.attributes.get("job.id") == job_id), None)
            if whole is None:
                return None
            steps = [each for each in self.spans if each.parent_id == whole.span_id]
            found = {each.name: each for each in (whole, *steps)}
            return found if "commit" in found else None

        return wait_for(look, f"the spans of {job_id}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def a_collector(port: int = 0) -> Iterator[Collector]:
    collector = Collector(port)
    try:
        yield collector
    finally:
        collector.close()


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource_spans in request.resource_spans:
        resource = {each.key: each.value.string_value for each in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield ReceivedSpan(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes},
                    resource,
                )
