"""Why a job starts again, read from the record that its last start has left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from worker.domain.progress import Record, Status


class RestartReason(StrEnum):
    """How the last start ended."""

    RELEASED = "released"  # its worker stopped and gave the job back
    RETRIED = "retried"  # it failed, and was to be tried again
    WORKER_DIED = "worker_died"  # its end was not recorded


@dataclass(frozen=True, slots=True)
class Restart:
    """A start that is not the first of its run. `error_code` is that of the failure, where there was one."""

    reason: RestartReason
    last_worker: str | None
    error_code: str | None


def restart_after(before: Record | None) -> Restart | None:
    """Why a job is started after the record `before`; None where it is the first start of the run."""
    if before is None or before.worker is None:  # the first record of a run names no worker
        return None
    if before.status is Status.RUNNING:
        return Restart(RestartReason.WORKER_DIED, before.worker, None)
    if before.error is None:
        return Restart(RestartReason.RELEASED, before.worker, None)
    return Restart(RestartReason.RETRIED, before.worker, before.error.code)
