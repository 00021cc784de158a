"""Trace context as it comes with a message, for the log lines of its job."""

from __future__ import annotations

import re
from collections.abc import Mapping

TRACEPARENT = "traceparent"
AWS_TRACE_HEADER = "AWSTraceHeader"

# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may append to it.
_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?")
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.IGNORECASE)
_XRAY_PARENT = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)


def trace_fields(attributes: Mapping[str, str]) -> dict[str, str]:
    """`trace_id` and, where there is one, `span_id`, in the hex of W3C; empty where no attribute holds a valid one.

    `traceparent` goes before `AWSTraceHeader`, which SQS may set by itself.
    """
    return _of_w3c(attributes.get(TRACEPARENT, "")) or _of_xray(attributes.get(AWS_TRACE_HEADER, ""))


def _of_w3c(text: str) -> dict[str, str]:
    match = _W3C.fullmatch(text)
    if match is None or (match["more"] is not None and text.startswith("00")):
        return {}
    trace_id, span_id = match["trace"], match["span"]
    if not trace_id.strip("0") or not span_id.strip("0"):
        return {}
    return {"trace_id": trace_id, "span_id": span_id}


def _of_xray(text: str) -> dict[str, str]:
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root = _XRAY_ROOT.fullmatch(parts.get("Root", ""))
    if root is None:
        return {}
    fields = {"trace_id": (root[1] + root[2]).lower()}
    if _XRAY_PARENT.fullmatch(parts.get("Parent", "")):
        fields["span_id"] = parts["Parent"].lower()
    return fields
