"""The message groups of a FIFO queue: a job may be worked on when the oldest message of its group is its own."""

from __future__ import annotations

from collections import defaultdict


class Groups:
    """What is on the queue, by group. Messages that are no jobs have a place in their group, too."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}  # by message id; without messages that are not jobs
        self._messages: defaultdict[str, list[str]] = defaultdict(list)  # by group: their ids, oldest first
        self._group_of: dict[str, str] = {}  # by message id

    def sent(self, message_id: str, job_id: str | None, group: str | None) -> None:
        if job_id is not None:
            self.jobs[message_id] = job_id
        if group is not None:
            self._messages[group].append(message_id)
            self._group_of[message_id] = group

    def deleted(self, message_id: str) -> None:
        if message_id in self._group_of:
            self._messages[self._group_of[message_id]].remove(message_id)

    def is_first(self, job_id: str, group: str | None) -> bool:
        """Whether the oldest message of the group is the job's; so is every message without a group."""
        return group is None or self.jobs.get(next(iter(self._messages[group]), "")) == job_id
