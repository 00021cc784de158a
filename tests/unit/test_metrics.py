"""The instruments: each in use, each counted as its page says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client import Counter, Gauge, Histogram

from worker import metrics


def test_a_write_of_progress_is_timed_and_counted_by_how_it_ended() -> None:
    def count(outcome: str) -> float:
        labels = {"store": "redis", "outcome": outcome}
        return metrics.REGISTRY.get_sample_value("worker_progress_writes_total", labels) or 0.0

    before = {outcome: count(outcome) for outcome in ("applied", "unavailable")}
    with metrics.ProgressWrite("redis") as write:
        write.outcome = "applied"
    with pytest.raises(TimeoutError), metrics.ProgressWrite("redis"):
        raise TimeoutError
    with pytest.raises(asyncio.CancelledError), metrics.ProgressWrite("redis"):
        raise asyncio.CancelledError
    assert count("applied") == before["applied"] + 1
    assert count("unavailable") == before["unavailable"] + 1


def test_every_instrument_is_used() -> None:
    package = Path(metrics.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    names = [name for name, value in vars(metrics).items() if isinstance(value, Counter | Gauge | Histogram)]
    assert len(names) > 10
    assert [name for name in names if len(re.findall(rf"\b{name}\b", sources)) < 2] == []


def test_jobs_are_counted_by_how_they_ended() -> None:
    before = metrics.attempts_ended("failed")

    metrics.count_attempt("failed", "no_audio")
    metrics.count_attempt("failed", "stalled")
    metrics.count_attempt("retried", "stalled")

    assert metrics.attempts_ended("failed") == before + 2


def test_the_counts_in_health_are_those_in_metrics_and_no_instrument_is_asked_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shown() -> float:
        samples = [sample for family in metrics.JOBS.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.labels["status"] == "cancelled")

    def refuse() -> NoReturn:
        raise AssertionError("an instrument was asked")

    shown_before, counted_before = shown(), metrics.attempts_ended("cancelled")
    metrics.count_attempt("cancelled")
    shown_after = shown()

    monkeypatch.setattr(metrics.JOBS, "collect", refuse)

    assert metrics.attempts_ended("cancelled") - counted_before == shown_after - shown_before > 0
