"""Why a job starts again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.records import a_record
from worker.domain.errors import NoAudioError, StalledError
from worker.domain.outcome import Released, WillRetry, record_of
from worker.domain.progress import Status, first_record
from worker.domain.restart import Restart, RestartReason, restart_after

RUNNING = replace(a_record(1000, 1), worker="host:7")


def test_the_first_start_of_a_run_is_no_restart() -> None:
    assert restart_after(None) is None
    assert restart_after(first_record("ep-1", None, (), RUNNING.updated_at)) is None


def test_a_start_without_an_end_means_that_its_worker_died() -> None:
    assert RUNNING.status is Status.RUNNING
    assert restart_after(RUNNING) == Restart(RestartReason.WORKER_DIED, "host:7", None)


def test_a_job_that_was_given_back_is_released() -> None:
    before = record_of(Released(), RUNNING, RUNNING.version, RUNNING.updated_at)

    assert restart_after(before) == Restart(RestartReason.RELEASED, "host:7", None)


@pytest.mark.parametrize("is_counted", [True, False])
@pytest.mark.parametrize(("error", "code"), [(StalledError(300), "stalled"), (NoAudioError(), "no_audio")])
def test_a_job_that_failed_is_retried_for_the_same_code(
    error: StalledError | NoAudioError, code: str, is_counted: bool
) -> None:
    before = record_of(WillRetry(error, 5.0, is_counted), RUNNING, RUNNING.version, RUNNING.updated_at)

    assert restart_after(before) == Restart(RestartReason.RETRIED, "host:7", code)
