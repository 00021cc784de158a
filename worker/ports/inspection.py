"""What a dependency says of itself when it is inspected, and the errors of an inspection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from worker.domain.audio import AudioFormat
from worker.domain.errors import WorkerError


class DependencyMissingError(WorkerError):
    """What a setting names does not exist."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} does not exist")


class UnusableConverterError(WorkerError):
    """The program that is to convert is there, but does not."""

    def __init__(self, program: object, problem: str) -> None:
        super().__init__(f"{program} {problem}")


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue's attributes. `dead_letter_queue` is the ARN in its redrive policy."""

    visible: int
    in_flight: int
    is_fifo: bool
    retention_seconds: int
    dead_letter_queue: str | None
    max_receive_count: int | None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table's schema: `(name, type)` of its keys, and the attribute by which items expire."""

    status: str
    partition_key: tuple[str, str]
    sort_key: tuple[str, str] | None
    expiry_attribute: str | None  # None: items do not expire, or the role may not ask
    is_expiry_known: bool = True


@dataclass(frozen=True, slots=True)
class ConverterFacts:
    """The converter's version, and the formats that it has all encoders for.

    `version` is () for a build from source, whose `version_text` is no number.
    """

    version: tuple[int, ...]
    version_text: str
    formats: Collection[AudioFormat]
