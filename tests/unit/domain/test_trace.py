"""Which trace a message belongs to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.trace import trace_context

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
OF_BOTH = {"trace_id": TRACE, "span_id": SPAN}


def trace_fields(attributes: Mapping[str, str]) -> Mapping[str, str]:
    context = trace_context(attributes)
    return {} if context is None else context.log_fields


@pytest.mark.parametrize(
    "text", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01-what-follows"]
)
def test_a_traceparent_of_w3c_is_read(text: str) -> None:
    assert trace_fields({"traceparent": text}) == OF_BOTH


def test_an_xray_header_is_read_into_the_same_form() -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"
    root = "5759e988bd862e3fe1be46a994272793"
    assert trace_fields({"AWSTraceHeader": header}) == {"trace_id": root, "span_id": "53995c3f42cd8ad8"}
    assert trace_fields({"AWSTraceHeader": header.partition(";")[0]}) == {"trace_id": root}


def test_a_producers_traceparent_goes_before_what_aws_adds() -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert trace_fields({"traceparent": f"00-{TRACE}-{SPAN}-01", "AWSTraceHeader": header}) == OF_BOTH
    assert "trace_id" in trace_fields({"traceparent": "malformed", "AWSTraceHeader": header})


@pytest.mark.parametrize(
    ("name", "text", "is_sampled"),
    [
        ("traceparent", f"00-{TRACE}-{SPAN}-01", True),
        ("traceparent", f"00-{TRACE}-{SPAN}-03", True),
        ("traceparent", f"00-{TRACE}-{SPAN}-02", False),
        ("traceparent", f"00-{TRACE}-{SPAN}-10", False),  # 16: hex, and no other base
        ("AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", True),
        ("AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", False),
        ("AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793", True),
    ],
)
def test_the_sender_decides_whether_its_trace_is_recorded(name: str, text: str, *, is_sampled: bool) -> None:
    context = trace_context({name: text})

    assert context is not None
    assert context.is_sampled is is_sampled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_a_malformed_traceparent_is_passed_over(text: str) -> None:
    assert trace_fields({"traceparent": text}) == {}


@given(st.text(), st.text())
def test_any_attributes_are_read_without_an_error(traceparent: str, header: str) -> None:
    assert set(trace_fields({"traceparent": traceparent, "AWSTraceHeader": header})) <= {"trace_id", "span_id"}
