"""Every instrument that `/metrics` shows. docs/metrics.md is generated from this file.

Names and units follow https://prometheus.io/docs/practices/naming/. No label holds a job's id, a bucket or anything
else of which there may be any number.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Mapping, Sequence
from typing import Self

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from worker import __version__
from worker.domain.audio import AudioFormat
from worker.domain.errors import ErrorCode

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each counter and histogram, of no use here

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

SEVERAL_FORMATS = "several"

_JOB_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400)
# 0.05, 0.35 and 1 are the limits that are promised for a write, so that an alarm can be set on each.
_CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.35, 0.5, 1)

INFO = Gauge("worker_info", "Always 1; carries the version.", ["version"], registry=REGISTRY)
INFO.labels(version=__version__).set(1)

# --- jobs --------------------------------------------------------------------------------------------------------

JOBS = Counter(
    "worker_jobs",
    "Jobs that were handled, by how that ended. `status`: completed, failed, cancelled, retried, released, lost, or "
    "where nothing was started deferred, skipped; `code`: the error's, or empty.",
    ["status", "code"],
    registry=REGISTRY,
)
WORKER_DEATHS = Counter(
    "worker_deaths",
    "Jobs that were running when their worker died, counted by the worker that starts them again or gives them up.",
    registry=REGISTRY,
)
JOB_WAITING = Histogram(
    "worker_job_waiting_seconds",
    "Time that a job waited for the first start of its run: since its message was sent, or since the run began.",
    buckets=_JOB_SECONDS,
    registry=REGISTRY,
)
JOB_DURATION = Histogram(
    "worker_job_duration_seconds",
    "Time of a completed job. `stage`: downloading, converting, uploading, total.",
    ["stage"],
    buckets=_JOB_SECONDS,
    registry=REGISTRY,
)
CONVERSION_DURATION = Histogram(
    "worker_conversion_duration_seconds",
    "Time of the conversion of a completed job. `format`: that of its outputs, or several.",
    ["format"],
    buckets=_JOB_SECONDS,
    registry=REGISTRY,
)
SOURCE_BYTES = Counter("worker_source_bytes", "Bytes of the sources of completed jobs.", registry=REGISTRY)
OUTPUT_BYTES = Counter("worker_output_bytes", "Bytes of the outputs of completed jobs.", registry=REGISTRY)
AUDIO_SECONDS = Counter("worker_audio_seconds", "Playing time of the sources of completed jobs.", registry=REGISTRY)
SLOTS = Gauge("worker_slots", "Jobs that may run at once (WORKER_CONCURRENCY).", registry=REGISTRY)
SLOT_SECONDS = Counter(
    "worker_slot_seconds", "Time in which slots had a job: the capacity that was used.", registry=REGISTRY
)
JOBS_RUNNING = Gauge("worker_jobs_running", "Jobs that run now.", registry=REGISTRY)
JOBS_DELAYED = Gauge("worker_jobs_delayed", "Running jobs that wait for space in the workspace.", registry=REGISTRY)

# --- queue -------------------------------------------------------------------------------------------------------

QUEUE_DEPTH = Gauge(
    "worker_queue_depth", "About how many messages wait; asked once a minute, by each worker.", registry=REGISTRY
)
MESSAGES_RECEIVED = Counter("worker_messages_received", "Deliveries from the queue.", registry=REGISTRY)
MESSAGES_REJECTED = Counter(
    "worker_messages_rejected",
    "Messages that were rejected: moved to the dead-letter queue, or deleted where the queue has none.",
    ["code"],
    registry=REGISTRY,
)
CONSUMPTION_PAUSED = Gauge(
    "worker_consumption_paused",
    "1 while consumption is paused for the `reason`: rejects, table, workspace, s3, credentials.",
    ["reason"],
    registry=REGISTRY,
)
PAUSE_REASONS = ("rejects", "table", "workspace", "s3", "credentials")
CLAIM_FAILURES = Counter(
    "worker_claim_failures", "Jobs that were put off because the job table was away.", registry=REGISTRY
)
POLL_FAILURES = Counter("worker_poll_failures", "Receives that failed.", registry=REGISTRY)
POLL_AGE = Gauge(
    "worker_poll_age_seconds",
    "Time since a receive began or was answered; 0 while none is due: no slot is free, or consumption is paused.",
    registry=REGISTRY,
)
LEASE_RENEWALS = Counter(
    "worker_lease_renewals",
    "Renewals of the lease on a message. `outcome`: renewed, failed, lost.",
    ["outcome"],
    registry=REGISTRY,
)
LEASE_MARGIN = Histogram(
    "worker_lease_margin_seconds",
    "Time that was left of a lease when it was renewed.",
    buckets=(0, 1, 2, 5, 10, 20, 30, 40, 60, 120),
    registry=REGISTRY,
)

# --- progress ----------------------------------------------------------------------------------------------------

PROGRESS_WRITES = Counter(
    "worker_progress_writes",
    "Writes of a record. `store`: such as redis, dynamodb; `outcome`: applied, same, stale, unavailable.",
    ["store", "outcome"],
    registry=REGISTRY,
)
PROGRESS_WRITE_DURATION = Histogram(
    "worker_progress_write_duration_seconds",
    "Time of a write of a record to one store, failed ones included.",
    ["store"],
    buckets=_CALL_SECONDS,
    registry=REGISTRY,
)
PROGRESS_DURATION = Histogram(
    "worker_progress_duration_seconds",
    "Time until a record was kept or given up, over all stores that were tried.",
    buckets=_CALL_SECONDS,
    registry=REGISTRY,
)
CACHE_UP = Gauge("worker_redis_up", "1 while Redis takes writes, 0 while it is out or disabled.", registry=REGISTRY)
FAILOVERS = Counter("worker_progress_failovers", "Outages of Redis.", registry=REGISTRY)
OUTAGE_SECONDS = Counter("worker_redis_outage_seconds", "Time in which Redis could not be used.", registry=REGISTRY)

CONVERTER_CPU = Counter(
    "worker_converter_cpu_seconds", "CPU time of the converter's processes that have ended.", registry=REGISTRY
)

CONVERTERS_MEMORY = Gauge(
    "worker_converters_memory_bytes", "Memory of the converters that ran when it was last measured.", registry=REGISTRY
)

# --- process -----------------------------------------------------------------------------------------------------

LOOP_LAG = Gauge(
    "worker_loop_lag_seconds", "How late the event loop ran its last timer of one second.", registry=REGISTRY
)


# --- single values, for lines that CloudWatch makes percentiles of -----------------------------------------------


class RecentValues:
    """The values since they were last taken; where these are very many, the newest of them."""

    def __init__(self) -> None:
        self._values: collections.deque[float] = collections.deque(maxlen=1000)

    def add(self, value: float) -> None:
        self._values.append(value)

    def take(self) -> Sequence[float]:
        """The values, which are then forgotten."""
        taken = tuple(self._values)
        self._values.clear()
        return taken


WAITING_VALUES = RecentValues()
CONVERSION_VALUES = RecentValues()
PROGRESS_WRITE_VALUES = RecentValues()


def observe_waiting(seconds: float) -> None:
    """Count how long a job that has started had waited."""
    JOB_WAITING.observe(seconds)
    WAITING_VALUES.add(seconds)


def observe_conversion(formats: Sequence[str], seconds: float) -> None:
    """Count how long the conversion of a completed job to these formats took."""
    CONVERSION_DURATION.labels(format=formats[0] if len(formats) == 1 else SEVERAL_FORMATS).observe(seconds)
    CONVERSION_VALUES.add(seconds)


class ProgressWrite:
    """Measures a write inside the `with`, and counts it by `outcome`; one that raises is `unavailable`."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._began_at = 0.0
        self.outcome = "unavailable"

    def __enter__(self) -> Self:
        self._began_at = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _traceback: object) -> None:
        if kind is None or issubclass(kind, Exception):  # a cancelled one says nothing about the store
            seconds = time.perf_counter() - self._began_at
            PROGRESS_WRITES.labels(store=self._store, outcome=self.outcome).inc()
            PROGRESS_WRITE_DURATION.labels(store=self._store).observe(seconds)
            PROGRESS_WRITE_VALUES.add(seconds)


_ENDED: collections.Counter[str] = collections.Counter()


def count_ending(status: str, code: str = "") -> None:
    """Count a job whose handling ended with `status`, one of those that `JOBS` names; `code` is the error's."""
    JOBS.labels(status=status, code=code).inc()
    _ENDED[status] += 1


def endings(status: str) -> int:
    """How often `count_ending` has counted `status` since the start, with any code. Safe from any thread."""
    return _ENDED[status]


def totals(counter: Counter) -> Mapping[tuple[str, ...], float]:
    """What the counter has counted so far, by the values of its labels in their order."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def _expect_labels() -> None:
    """Let each series exist from the start: a rate over one that appears with its first event misses that event."""
    for status in ("completed", "released", "deferred", "skipped", "lost"):
        JOBS.labels(status=status, code="")
    JOBS.labels(status="cancelled", code="cancelled")
    for code in ErrorCode:
        MESSAGES_REJECTED.labels(code=code.value)
        for status in ("failed", "retried"):
            JOBS.labels(status=status, code=code.value)
    for outcome in ("renewed", "failed", "lost"):
        LEASE_RENEWALS.labels(outcome=outcome)
    for stage in ("downloading", "converting", "uploading", "total"):
        JOB_DURATION.labels(stage=stage)
    for each in (*(audio_format.value for audio_format in AudioFormat), SEVERAL_FORMATS):
        CONVERSION_DURATION.labels(format=each)


_expect_labels()


def expect_writes_to(*stores: str) -> None:
    """Let the series of these stores exist before the first write. `stores` are their names."""
    for store in stores:
        PROGRESS_WRITE_DURATION.labels(store=store)
        for outcome in ("applied", "same", "stale", "unavailable"):
            PROGRESS_WRITES.labels(store=store, outcome=outcome)


def show_pause(reason: str | None) -> None:
    """Show the reason of the pause that goes on; None where none does."""
    for each in PAUSE_REASONS:
        CONSUMPTION_PAUSED.labels(reason=each).set(each == reason)


show_pause(None)


def render() -> tuple[bytes, str]:
    """All instruments as Prometheus text, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
