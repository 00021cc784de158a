"""What a file says of its sound: tags, a cover, chapters."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.domain.tags.chapters import Chapter
from worker.domain.tags.collecting import Tags
from worker.domain.tags.pictures import Picture


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a source, or of an output."""

    tags: Tags = field(default_factory=dict)
    cover: Picture | None = None
    chapters: tuple[Chapter, ...] = ()  # in their order; of an output, each with its end
