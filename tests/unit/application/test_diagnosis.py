"""The verdicts on what an inspection of a dependency found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.redis import errors as redis_errors
from worker.application.operations.diagnosis import (
    REDIS_ADVICE,
    State,
    Verdict,
    judge_address,
    judge_bucket,
    judge_cache,
    judge_converter,
    judge_denied,
    judge_memory,
    judge_queue,
    judge_sandbox,
    judge_table,
    judge_workspace,
)
from worker.domain.audio import AudioFormat
from worker.ports import ConverterFacts, QueueFacts, TableFacts

QUEUE = QueueFacts(
    visible=3,
    in_flight=1,
    is_fifo=False,
    retention_seconds=345_600,
    dead_letter_queue="arn:aws:sqs:eu-west-1:123456789012:jobs-dead",
    max_receive_count=1000,
)
TABLE = TableFacts("ACTIVE", ("job_id", "S"), None, "expires_at")
CONVERTER = ConverterFacts((9, 0, 2), "9.0.2", set(AudioFormat))


def queue(**changes: Any) -> Verdict:
    return judge_queue(replace(QUEUE, **changes), max_attempts=5, job_timeout_seconds=10_800)


def test_a_queue_as_it_should_be_is_ok() -> None:
    assert queue() == Verdict(State.OK, "standard, 3 waiting, 1 in flight, dead-letter queue jobs-dead")
    assert queue(is_fifo=True).detail.startswith("FIFO")
    assert queue(max_receive_count=11).state is State.OK


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"dead_letter_queue": None}, "redrive policy"),
        ({"max_receive_count": 3}, "maxReceiveCount"),
        ({"max_receive_count": 10}, "maxReceiveCount to 100"),
        ({"retention_seconds": 3600}, "MessageRetentionPeriod"),
    ],
)
def test_a_queue_that_loses_messages_degrades_with_advice(changes: dict[str, Any], advice: str) -> None:
    verdict = queue(**changes)
    assert verdict.state is State.DEGRADED
    assert advice in (verdict.advice or "")


def test_a_table_must_have_the_contracts_key() -> None:
    assert judge_table(TABLE).state is State.OK
    assert judge_table(replace(TABLE, partition_key=("id", "S"))).state is State.FAILED
    assert judge_table(replace(TABLE, partition_key=("job_id", "N"))).state is State.FAILED
    assert judge_table(replace(TABLE, sort_key=("seq", "N"))).state is State.FAILED
    assert judge_table(replace(TABLE, status="CREATING")).state is State.FAILED


def test_a_table_that_keeps_records_for_ever_degrades() -> None:
    assert judge_table(replace(TABLE, expiry_attribute=None)).state is State.DEGRADED
    assert judge_table(replace(TABLE, expiry_attribute="ttl")).state is State.DEGRADED
    assert judge_table(replace(TABLE, expiry_attribute=None, is_expiry_known=False)).state is State.OK


@pytest.mark.parametrize(("version", "text"), [((5, 1, 9), "5.1.9-0+deb12u1"), ((6, 1), "6.1"), ((7, 0, 2), "7.0.2")])
def test_a_converter_without_specifiers_by_disposition_is_too_old(version: tuple[int, ...], text: str) -> None:
    verdict = judge_converter(replace(CONVERTER, version=version, version_text=text))

    assert verdict.state is State.FAILED
    assert verdict.detail == f"ffmpeg {text}; 7.1 or later is needed"
    assert "WORKER_FFMPEG" in (verdict.advice or "")


def test_a_converter_must_be_new_and_complete() -> None:
    assert judge_converter(CONVERTER).state is State.OK
    assert judge_converter(replace(CONVERTER, version=())).state is State.OK
    assert judge_converter(replace(CONVERTER, version=(7, 1))).state is State.OK
    verdict = judge_converter(replace(CONVERTER, formats=set(AudioFormat) - {AudioFormat.OPUS, AudioFormat.WEBM}))
    assert (verdict.state, "opus, webm" in verdict.detail) == (State.DEGRADED, True)


def workspace(free_gib: float, slots: int) -> Verdict:
    return judge_workspace(round(free_gib * 1024**3), slots=slots, max_source_bytes=5 * 1024**3)


def test_a_workspace_must_hold_the_largest_sources_of_all_slots() -> None:
    assert workspace(100, slots=4).state is State.OK
    assert workspace(39, slots=4) == Verdict(
        State.DEGRADED,
        "39.0 GiB free; 4 jobs at once with the largest sources may need 40.0 GiB",
        "set WORKER_WORKSPACE to a larger disk, or lower WORKER_CONCURRENCY or WORKER_MAX_SOURCE_BYTES",
    )
    assert "a job with the largest sources may need 10.0 GiB" in workspace(9, slots=1).detail
    assert workspace(0, slots=1).state is State.FAILED


def test_a_denied_action_fails_unless_only_clearing_up_needs_it() -> None:
    denied = judge_denied(["sqs:ReceiveMessage", "sqs:DeleteMessage"])
    assert (denied.state, denied.detail) == (
        State.FAILED,
        "this role may not call sqs:ReceiveMessage, sqs:DeleteMessage",
    )
    assert judge_bucket(["s3:AbortMultipartUpload"], is_written=True).state is State.DEGRADED
    assert judge_bucket([], is_written=True) == Verdict(State.OK, "can be read and written to")
    assert judge_bucket([], is_written=False) == Verdict(State.OK, "can be read")


def test_a_port_that_a_worker_has_is_said() -> None:
    assert judge_address(is_free=True).state is State.OK
    assert "WORKER_HTTP_PORT" in (judge_address(is_free=False).advice or "")


def test_a_redis_that_does_not_take_writes_degrades_with_advice_for_its_reason() -> None:
    verdict = judge_cache("redis", "name not resolved")
    assert verdict == Verdict(State.DEGRADED, "name not resolved", "check REDIS_ENDPOINT")
    assert judge_cache("redis", "primary down").state is State.DEGRADED
    assert "REDIS_" in (judge_cache("redis", "primary down").advice or "")
    assert "NATS_" in (judge_cache("nats", "connection refused").advice or "")


def test_advice_is_for_reasons_that_the_adapter_gives() -> None:
    adapters = Path(redis_errors.__file__).parent
    said = "".join(file.read_text() for file in [*adapters.glob("*.py"), adapters.parent / "elasticache.py"])
    assert [reason for reason in REDIS_ADVICE if f'"{reason}"' not in said] == []


MIB = 1 << 20


@pytest.mark.parametrize(
    ("limit_mib", "jobs", "workspace_mib", "state"),
    [(None, 1000, 1000, State.OK), (512, 2, 0, State.OK), (512, 8, 0, State.DEGRADED), (512, 2, 256, State.DEGRADED)],
)
def test_jobs_and_a_workspace_in_memory_have_to_fit_into_the_containers_memory(
    limit_mib: int | None, jobs: int, workspace_mib: int, state: State
) -> None:
    limit = None if limit_mib is None else limit_mib * MIB

    verdict = judge_memory(limit, jobs=jobs, workspace_bytes=workspace_mib * MIB)

    assert verdict.state is state
    assert (verdict.advice is not None) == (state is State.DEGRADED)
    assert ("WORKER_WORKSPACE" in (verdict.advice or "")) == (state is State.DEGRADED and workspace_mib > 0)


@pytest.mark.parametrize(
    ("mode", "has_seccomp", "landlock_abi", "is_script", "state", "detail"),
    [
        ("required", True, 7, False, State.OK, "seccomp and Landlock (version 7)"),
        ("available", True, 0, False, State.DEGRADED, "there is no Landlock here"),
        ("required", True, 0, False, State.FAILED, "there is no Landlock here"),
        ("required", False, 1, False, State.FAILED, "there is no seccomp here"),
        ("available", False, 0, False, State.DEGRADED, "there is no seccomp and no Landlock here"),
        ("available", False, 0, True, State.DEGRADED, "the converter is a script"),
        ("required", False, 0, True, State.FAILED, "the converter is a script"),
        ("off", False, 0, False, State.OK, "is off: the converter has its limits only"),
    ],
)
def test_a_sandbox_is_judged_by_what_was_asked_for(
    mode: str, has_seccomp: bool, landlock_abi: int, is_script: bool, state: State, detail: str
) -> None:
    verdict = judge_sandbox(mode, has_seccomp=has_seccomp, landlock_abi=landlock_abi, is_script=is_script)

    assert (verdict.state, verdict.detail.startswith(detail)) == (state, True)
    assert (verdict.advice is None) == (state is State.OK)
