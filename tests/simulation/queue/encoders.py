"""The encoders of workers: a job in pieces runs several side by side, in slots in which there is no job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

Running = Mapping[str, Mapping[str, bool]]  # by worker: its jobs, and who of them is suspect


class Encoders:
    """Counts the encoders. `running` are the jobs of the workers; `violated` ends the run."""

    def __init__(self, running: Running, violated: Callable[[str], None]) -> None:
        self._running = running
        self._violated = violated
        self._encoders: Counter[tuple[str, str]] = Counter()  # by worker and job

    def begins(self, worker: str, job_id: str) -> None:
        self._encoders[worker, job_id] += 1

    def ends(self, worker: str, job_id: str) -> None:
        self._encoders[worker, job_id] -= 1

    def check(self, worker: str, concurrency: int) -> None:
        """Check the slots of a worker. To be called when encoders that were called back have had time to stop."""
        jobs = self._running[worker]
        busy = sum(max(1, self._encoders[worker, job_id]) for job_id in jobs)
        if busy > concurrency:
            self._violated(f"{worker} encodes in {busy} slots of {concurrency}: what is lent was not called back")
        if busy > 1 and any(jobs.values()):
            self._violated(f"{worker} runs a suspect, and encodes in {busy} slots")

    def attempt_ends(self, worker: str, job_id: str) -> None:
        """Check that nothing of the attempt is running, whatever has ended it."""
        if self._encoders[worker, job_id]:
            self._violated(f"the attempt of {worker} at {job_id} has ended, and an encoder runs")
