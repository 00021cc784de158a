"""Which picture an output has as its cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from worker.domain.limits import Pattern
from worker.domain.location import ObjectLocation
from worker.domain.tags.pictures import Picture


@dataclass(frozen=True, slots=True)
class Cover:
    """Which picture an output has: its source's (`keep`), none (`drop`), or that of an object.

    `picture` is the object's content, once it has been downloaded.
    """

    TEXT: ClassVar = Pattern(f"(?:keep|drop|{ObjectLocation.TEXT.regex})", "keep, drop or s3://bucket/key")
    is_kept: bool = False
    location: ObjectLocation | None = None
    picture: Picture | None = None

    @classmethod
    def parse(cls, text: str) -> Cover:
        """Read a message's text. Raises ValueError with a sentence that says what is wrong."""
        if text in {"keep", "drop"}:
            return cls(is_kept=text == "keep")
        if not text.startswith("s3://"):
            raise ValueError(f"must be {cls.TEXT}")
        return cls(location=ObjectLocation.parse(text))

    def __str__(self) -> str:
        return str(self.location or ("keep" if self.is_kept else "drop"))
