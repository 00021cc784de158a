"""What a message asks for: sources and outputs. The one declaration of each member of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from worker.domain.declaration import Field
from worker.domain.joining import CROSSFADE_SECONDS, MAX_SOURCES, SourcePart
from worker.domain.limits import Count, CountIfList, Pattern
from worker.domain.location import ObjectLocation
from worker.domain.output import OutputSpec

__all__ = [
    "GROUP",
    "JOB_ID",
    "MAX_OUTPUTS",
    "Job",
    "ObjectLocation",
    "OutputSpec",
    "is_job_id",
]

JOB_ID = Pattern(r"[A-Za-z0-9._-]{1,128}", "1 to 128 of A-Z a-z 0-9 . _ -")
MAX_OUTPUTS = 16


@dataclass(frozen=True, slots=True)
class Job:
    """A valid message. `job_id` is the idempotency key, chosen by the producer."""

    job_id: Annotated[
        str, Field("The idempotency key: no two jobs have the same id, and a job is completed once.", JOB_ID)
    ]
    source: Annotated[
        ObjectLocation | tuple[SourcePart, ...],
        Field(
            "What is converted, as s3://bucket/key, or a list of what is joined, in its order.",
            CountIfList(1, MAX_SOURCES),
        ),
    ]
    outputs: Annotated[
        tuple[OutputSpec, ...],
        Field("What is written. No two have the same target, and none has a source's.", Count(1, MAX_OUTPUTS)),
    ]
    crossfade_seconds: Annotated[
        float,
        Field("For how long each part that is joined is heard together with the one before it.", CROSSFADE_SECONDS),
    ] = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.source, tuple) and len(self.source) == 1 and self.source[0].is_whole:
            object.__setattr__(self, "source", self.source[0].source)

    @property
    def parts(self) -> tuple[SourcePart, ...]:
        """What is joined, or the one source."""
        return self.source if isinstance(self.source, tuple) else (SourcePart(self.source),)

    @property
    def is_joined(self) -> bool:
        return isinstance(self.source, tuple)

    @property
    def sources(self) -> str | tuple[str, ...]:
        """The sources, as the record names them (docs/progress.md)."""
        return tuple(str(part.source) for part in self.source) if isinstance(self.source, tuple) else str(self.source)


def is_job_id(text: str) -> bool:
    return JOB_ID.allows(text)


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
GROUP = Pattern("[!-~]{1,128}", "1 to 128 ASCII letters, digits or punctuation marks")
