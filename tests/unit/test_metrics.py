"""The instruments: each in use, each counted as its page says."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from worker import metrics
from worker.application.consuming.pause import PauseReason


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
    before = metrics.endings("failed")

    metrics.count_ending("failed", "no_audio")
    metrics.count_ending("failed", "stalled")
    metrics.count_ending("retried", "stalled")

    assert metrics.endings("failed") == before + 2


def test_the_counts_in_health_are_those_in_metrics_and_no_instrument_is_asked_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shown() -> float:
        samples = [sample for family in metrics.JOBS.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.labels["status"] == "cancelled")

    def refuse() -> NoReturn:
        raise AssertionError("an instrument was asked")

    shown_before, counted_before = shown(), metrics.endings("cancelled")
    metrics.count_ending("cancelled")
    shown_after = shown()

    monkeypatch.setattr(metrics.JOBS, "collect", refuse)

    assert metrics.endings("cancelled") - counted_before == shown_after - shown_before > 0


# The rules of `promtool check metrics`: https://prometheus.io/docs/practices/naming/
_ABBREVIATED = re.compile(r"(^|_)(s|ms|us|ns|sec|b|kb|mb|gb)($|_)")
_NO_BASE_UNIT = re.compile(r"_(milliseconds|minutes|hours|kilobytes|megabytes|percent)(_|$)")


def families() -> list[Any]:
    return list(text_string_to_metric_families(metrics.render()[0].decode()))


def test_the_names_are_clean() -> None:
    for family in families():
        assert family.documentation, family.name
        assert (
            not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_info")) or family.name == "worker_info"
        )
        assert not _ABBREVIATED.search(family.name), family.name
        assert not _NO_BASE_UNIT.search(family.name), family.name
        assert family.type not in family.name.split("_"), family.name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_of() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.render()[0], capture_output=True, check=False
    )

    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")


def test_every_series_exists_before_its_first_event() -> None:
    """In a process of its own: in this one, others may have counted."""
    code = "from worker import metrics; metrics.expect_writes_to('redis'); print(metrics.render()[0].decode())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout

    by_name = {family.name: family for family in text_string_to_metric_families(shown)}
    jobs = {(sample.labels["status"], sample.labels["code"]) for sample in by_name["worker_jobs"].samples}
    assert {("completed", ""), ("failed", "no_audio"), ("retried", "stalled"), ("lost", "")} <= jobs
    assert all(sample.value == 0 for sample in by_name["worker_jobs"].samples)
    labelled = [name for name in by_name if name.startswith("worker_") and by_name[name].type != "gauge"]
    assert [name for name in labelled if not by_name[name].samples] == []
    pauses = {sample.labels["reason"] for sample in by_name["worker_consumption_paused"].samples}
    assert pauses == {reason.value for reason in PauseReason}
    conversions = {sample.labels["format"] for sample in by_name["worker_conversion_duration_seconds"].samples}
    assert {"mp3", "several"} <= conversions
