"""`worker doctor`: how findings are shown."""

from __future__ import annotations

from worker.application.operations.diagnosis import State, Verdict
from worker.application.operations.doctor import Finding, Subject
from worker.cli.doctor import describe, overall, to_document

FINDINGS = [
    Finding(
        "queue",
        Subject("WORKER_QUEUE_URL", "https://sqs/jobs", "https://sqs"),
        Verdict(State.OK, "standard, 0 waiting"),
        0.0123,
    ),
    Finding(
        "redis", Subject("REDIS_ENDPOINT", None), Verdict(State.DEGRADED, "timeout", "check REDIS_ENDPOINT"), 0.25
    ),
]


def test_one_line_each_with_time_problem_and_advice() -> None:
    assert describe(FINDINGS).splitlines() == [
        "ok        queue    0.01 s  WORKER_QUEUE_URL https://sqs/jobs at https://sqs: standard, 0 waiting",
        "degraded  redis    0.25 s  REDIS_ENDPOINT is not set: timeout; check REDIS_ENDPOINT",
    ]


def test_the_document_has_the_worst_state_and_every_check() -> None:
    document = to_document(FINDINGS)
    assert document["status"] == "degraded"
    assert document["checks"] == [
        {
            "name": "queue",
            "status": "ok",
            "variable": "WORKER_QUEUE_URL",
            "value": "https://sqs/jobs",
            "endpoint": "https://sqs",
            "detail": "standard, 0 waiting",
            "advice": None,
            "duration_seconds": 0.012,
        },
        {
            "name": "redis",
            "status": "degraded",
            "variable": "REDIS_ENDPOINT",
            "value": None,
            "endpoint": None,
            "detail": "timeout",
            "advice": "check REDIS_ENDPOINT",
            "duration_seconds": 0.25,
        },
    ]
    assert (
        overall([*FINDINGS, Finding("table", Subject("WORKER_TABLE", "jobs"), Verdict(State.FAILED, "gone"), 0.1)])
        is State.FAILED
    )
