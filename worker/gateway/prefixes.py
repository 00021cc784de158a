"""Where sources, targets and downloads may lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation


@dataclass(frozen=True, slots=True)
class Prefixes:
    """`s3://bucket/prefix/` of sources and of targets; None: anywhere."""

    source: str | None
    target: str | None

    def check(self, job: Job) -> None:
        """Check where the job's objects lie. Raises InvalidMessageError about the first that lies elsewhere."""
        for path, location in _locations(job, ""):
            prefix = self.target if path.endswith(".target") else self.source
            if prefix is not None and not str(location).startswith(prefix):
                raise InvalidMessageError(path, f"must lie under {prefix}", job_id=job.job_id)

    def has_target(self, target: str) -> bool:
        """Whether the object may be downloaded."""
        return self.target is None or target.startswith(self.target)


def _locations(value: Any, path: str) -> Iterator[tuple[str, ObjectLocation]]:
    """Every object that a job names, with the path of its field."""
    if isinstance(value, ObjectLocation):
        yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _locations(item, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value):
        is_text = hasattr(value, "parse")  # such as a cover: its parts have no fields of their own in a message
        for field in dataclasses.fields(value):
            inner = path if is_text else f"{path}.{field.name}" if path else field.name
            yield from _locations(getattr(value, field.name), inner)
