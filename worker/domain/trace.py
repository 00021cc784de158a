"""The trace that a message belongs to, for the log lines and the spans of its job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TRACEPARENT = "traceparent"
AWS_TRACE_HEADER = "AWSTraceHeader"

# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may append to it.
_W3C = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED_FLAG = 0x01
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.IGNORECASE)
_XRAY_PARENT = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Ids in the hex of W3C. `span_id` is that of the sender, where it is known.

    `is_sampled` is False where the sender has decided that the trace is not recorded.
    """

    trace_id: str
    span_id: str | None
    is_sampled: bool

    @property
    def log_fields(self) -> dict[str, str]:
        """`trace_id` and, where there is one, `span_id`."""
        return {"trace_id": self.trace_id} | ({} if self.span_id is None else {"span_id": self.span_id})


def trace_context(attributes: Mapping[str, str]) -> TraceContext | None:
    """What the attributes of a message say; None where none of them holds a valid context.

    `traceparent` goes before `AWSTraceHeader`, which SQS may set by itself.
    """
    return _of_w3c(attributes.get(TRACEPARENT, "")) or _of_xray(attributes.get(AWS_TRACE_HEADER, ""))


def _of_w3c(text: str) -> TraceContext | None:
    match = _W3C.fullmatch(text)
    if match is None or (match["more"] is not None and text.startswith("00")):
        return None
    trace_id, span_id = match["trace"], match["span"]
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, bool(int(match["flags"], 16) & _SAMPLED_FLAG))


def _of_xray(text: str) -> TraceContext | None:
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root = _XRAY_ROOT.fullmatch(parts.get("Root", ""))
    if root is None:
        return None
    span_id = parts["Parent"].lower() if _XRAY_PARENT.fullmatch(parts.get("Parent", "")) else None
    return TraceContext((root[1] + root[2]).lower(), span_id, parts.get("Sampled") != "0")
