"""`worker doctor`: how findings are shown."""

from __future__ import annotations

from worker.application.operations.diagnosis import State, Verdict
from worker.application.operations.doctor import Finding
from worker.cli.doctor import describe, overall, to_document

FINDINGS = [
    Finding("queue", Verdict(State.OK, "standard, 0 waiting"), 0.0123),
    Finding("redis", Verdict(State.DEGRADED, "timeout", "check REDIS_ENDPOINT"), 0.25),
]


def test_one_line_each_with_time_trouble_and_remedy() -> None:
    assert describe(FINDINGS).splitlines() == [
        "ok        queue    0.01 s  standard, 0 waiting",
        "degraded  redis    0.25 s  timeout; check REDIS_ENDPOINT",
    ]


def test_the_document_has_the_worst_state_and_every_check() -> None:
    document = to_document(FINDINGS)
    assert document["status"] == "degraded"
    assert document["checks"] == [
        {
            "name": "queue",
            "status": "ok",
            "detail": "standard, 0 waiting",
            "advice": None,
            "duration_seconds": 0.012,
        },
        {
            "name": "redis",
            "status": "degraded",
            "detail": "timeout",
            "advice": "check REDIS_ENDPOINT",
            "duration_seconds": 0.25,
        },
    ]
    assert overall([*FINDINGS, Finding("table", Verdict(State.FAILED, "gone"), 0.1)]) is State.FAILED
