"""What runs for a delivery: its jobs, one after the other, and the fields of the log lines about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from structlog.contextvars import bound_contextvars

from worker.application.consuming.execution import Execution
from worker.application.consuming.lease import Lease
from worker.domain.errors import LeaseLostError, WorkerError
from worker.domain.trace import TraceContext
from worker.ports import Delivery


class Estimate(Protocol):
    """How long a job will still take."""

    @property
    def eta_seconds(self) -> float | None:
        """Seconds, by the job's own estimate. None: unknown."""


class Work:
    """The work on one delivery, done under `lease`.

    The handler sets `trace`, the trace that the message belongs to: its fields are on every line about the delivery,
    the settlement's included. It sets `job_begun_at` as well, the loop time at which it took up the present job.
    """

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.trace: TraceContext | None = None
        self.job_begun_at = 0.0
        self._log_fields: Mapping[str, object] = {}
        self._job: tuple[Execution, Estimate] | None = None
        self._has_run_jobs = False
        self._stop_reason: WorkerError | None = None

    @property
    def delivery(self) -> Delivery:
        """The newest delivery of the message."""
        return self.lease.delivery

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """The log fields of the trace; none where the message has none."""
        return {} if self.trace is None else self.trace.log_fields

    @property
    def log_fields(self) -> Mapping[str, object]:
        """The fields that lines about the delivery have at the moment, for lines that another task writes."""
        return self._log_fields

    @property
    def stop_reason(self) -> WorkerError | None:
        """Why no further job of the delivery may begin; None while one may."""
        return self._stop_reason

    @property
    def has_run_jobs(self) -> bool:
        """Whether a job of the delivery has begun."""
        return self._has_run_jobs

    @property
    def remaining_seconds(self) -> float | None:
        """What the running job still needs, by its own estimate. None: unknown."""
        return None if self._job is None else self._job[1].eta_seconds

    def stop(self, reason: WorkerError) -> None:
        """End the running job for `reason`, and let no other begin. Returns at once.

        A LeaseLostError also gives the delivery up for good.
        """
        self._stop_reason = self._stop_reason or reason
        if isinstance(reason, LeaseLostError):
            self.lease.lose(reason)
        if self._job is not None:
            self._job[0].stop(reason)

    @contextmanager
    def running(self, execution: Execution, estimate: Estimate) -> Iterator[None]:
        """Inside, a job of the delivery runs in `execution`. A stop that came before it ends it, too."""
        self._job = execution, estimate
        self._has_run_jobs = True
        if self._stop_reason is not None:
            execution.stop(self._stop_reason)
        try:
            yield
        finally:
            self._job = None

    @contextmanager
    def log_context(self, **fields: object) -> Iterator[None]:
        """Inside, every line about the delivery has these fields, whichever task writes it."""
        before = self._log_fields
        self._log_fields = {**before, **fields}
        try:
            with bound_contextvars(**fields):
                yield
        finally:
            self._log_fields = before
