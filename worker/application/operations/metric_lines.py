"""Metrics for CloudWatch in its embedded metric format: one log line a minute, which no agent has to collect.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Each name under each set of dimensions is billed, so the dimensions are `service` and `environment` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from worker import metrics
from worker.application.operations.health import HealthMonitor
from worker.events import Event, emit

NAMESPACE = "AudioConversionWorker"
DIMENSIONS = ("service", "environment")
_SECONDS = 60.0
_MOST_VALUES = 64  # of one metric in a line; CloudWatch takes 100, and a log line keeps so many
_STATUSES = ("completed", "failed", "retried", "released", "cancelled", "lost", "deferred", "skipped")
_WITH_CODES = ("failed", "retried")
_UNITS = {"Seconds": "Seconds", "Share": "None", "Up": "None"}  # by the end of the name; all others are counts


class MetricLines:
    """Writes `metrics.reported` once a minute, and at the end what the last minute had."""

    def __init__(self, monitor: HealthMonitor, *, environment: str, now: Callable[[], datetime]) -> None:
        self._monitor = monitor
        self._environment = environment
        self._now = now
        self._totals: dict[str, float] = {}

    async def run(self) -> None:
        """Write for ever."""
        self._since_last()
        try:
            while True:
                await asyncio.sleep(_SECONDS)
                self._write()
        finally:
            self._write()

    def _write(self) -> None:
        values = {**self._since_last(), **_distributions(), **self._state()}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(DIMENSIONS)],
            "Metrics": [{"Name": name, "Unit": _unit_of(name)} for name in values],
        }
        aws = {"Timestamp": int(self._now().timestamp() * 1000), "CloudWatchMetrics": [directive]}
        emit(Event.METRICS_REPORTED, environment=self._environment, **values, _aws=aws)

    def _since_last(self) -> Mapping[str, float]:
        """How much each counter has grown since this was last called."""
        totals = dict(_totals())
        grown = {name: round(total - self._totals.get(name, 0.0), 3) for name, total in totals.items()}
        self._totals = totals
        return {name: amount for name, amount in grown.items() if amount or name in _ALWAYS}

    def _state(self) -> Mapping[str, float]:
        health = self._monitor.snapshot()
        state = {
            "Slots": float(health.consumer.slots),
            "BusyShare": round(self._monitor.busy_share, 3),
            "PollAgeSeconds": round(health.consumer.poll_age_seconds, 3),
            "LoopLagSeconds": round(self._monitor.worst_lag_seconds, 3),
        }
        if health.cache_state != "disabled":  # where there is none, nothing is down
            state["RedisUp"] = float(health.cache_state == "connected")
        return state


def _totals() -> Mapping[str, float]:
    jobs = metrics.totals(metrics.JOBS)
    totals = {
        **{f"Jobs{status.title()}": _of_status(jobs, status) for status in _STATUSES},
        "MessagesRejected": sum(metrics.totals(metrics.MESSAGES_REJECTED).values()),
        "ClaimFailures": sum(metrics.totals(metrics.CLAIM_FAILURES).values()),
        "PollFailures": sum(metrics.totals(metrics.POLL_FAILURES).values()),
        "RedisFailovers": sum(metrics.totals(metrics.FAILOVERS).values()),
        "RedisOutageSeconds": sum(metrics.totals(metrics.OUTAGE_SECONDS).values()),
    }
    by_code = {
        f"Jobs{status.title()}{code.title().replace('_', '')}": total
        for (status, code), total in jobs.items()
        if status in _WITH_CODES and code
    }
    return totals | by_code


_ALWAYS = frozenset(f"Jobs{status.title()}" for status in _STATUSES) | {
    *("MessagesRejected", "ClaimFailures", "PollFailures", "RedisFailovers", "RedisOutageSeconds")
}


NAMES = _ALWAYS | {  # of the metrics, but for those with a code
    *("WaitingSeconds", "ConversionSeconds", "ProgressWriteSeconds"),
    *("Slots", "BusyShare", "PollAgeSeconds", "LoopLagSeconds", "RedisUp"),
}


def _of_status(jobs: Mapping[tuple[str, ...], float], status: str) -> float:
    return sum(total for labels, total in jobs.items() if labels[0] == status)


def _distributions() -> Mapping[str, Sequence[float]]:
    """The single values since the last line; CloudWatch makes percentiles of them."""
    found = {
        "WaitingSeconds": metrics.WAITING_VALUES.take(),
        "ConversionSeconds": metrics.CONVERSION_VALUES.take(),
        "ProgressWriteSeconds": metrics.PROGRESS_WRITE_VALUES.take(),
    }
    return {name: _thinned(values) for name, values in found.items() if values}


def _thinned(values: Sequence[float]) -> Sequence[float]:
    """At most as many as a line may have, evenly by rank, the smallest and the largest among them.

    Percentiles stay about the same; CloudWatch's count and sum of them do not.
    """
    ordered = sorted(values)
    if len(ordered) > _MOST_VALUES:
        step = (len(ordered) - 1) / (_MOST_VALUES - 1)
        ordered = [ordered[round(n * step)] for n in range(_MOST_VALUES)]
    return [round(value, 4) for value in ordered]


def _unit_of(name: str) -> str:
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "Count")
