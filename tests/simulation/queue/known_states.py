"""What workers have read of jobs when they ask for claims."""

from __future__ import annotations

from worker.domain.progress import Record, Version


class KnownStates:
    """Which state of a job a worker knew when it asked for a claim. Times are the loop's."""

    def __init__(self) -> None:
        self._read_at: dict[tuple[str, str], float] = {}  # by worker and job
        self._read_before: dict[tuple[str, str, Version], float] = {}  # by claim

    def read(self, worker: str, job_id: str, at: float) -> None:
        """The worker knows the state that the job had at that time."""
        self._read_at[worker, job_id] = at

    def claim_asked(self, claim: Record) -> None:
        """The worker asks for the claim. One that is asked for again may have arrived the first time."""
        worker, job_id = str(claim.worker), claim.job_id
        self._read_before.setdefault((worker, job_id, claim.version), self._read_at.get((worker, job_id), 0.0))

    def known_at(self, claim: Record) -> float:
        """When the state that the worker knew was read, at the time at which it first asked for the claim."""
        return self._read_before[str(claim.worker), claim.job_id, claim.version]
