"""A workspace that something else takes away from a running worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


def test_a_workspace_that_is_cleaned_away_is_made_again_and_jobs_complete(
    stack: Stack, unique: Callable[[str], str], start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    worker = start_worker(stack, WORKER_WORKSPACE=str(root))
    worker.wait_for("worker.ready")
    source = stack.put_source("a.wav", sound("plain.wav"))

    for removed in ("the worker's directory", "all of it"):
        shutil.rmtree(root if removed == "all of it" else next(root.glob("audio-worker-*")))
        job_id = unique("job")
        stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "mp3"})

        assert stack.final_record(job_id)["status"] == "completed"
        assert worker.find("job.retried", job_id=job_id) is None
    assert worker.find("workspace.remade")
