"""What a message changes of the metadata that an output takes over from its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from worker.domain.limits import Limits
from worker.domain.tags.collecting import MAX_VALUE_BYTES, Collector, Tags, is_of_the_file
from worker.domain.tags.fields import TOTALS, field_named, plain
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import Picture

MAX_EDITS = 100
MAX_ARGUMENT_BYTES = 65_536  # of all values that the converter is given for one output: an argument has a limit
# A letter or a digit at least, and no sign that a kind of tag parts names from texts by.
_NAME = "(?=[^\\n]*[0-9A-Za-z\u00c0-\uffff])[^\\u0000-\\u001f\\u007f-\\u009f=]{1,100}"
_TEXT = r"[^\u0000]*"


@dataclass(frozen=True, slots=True)
class TagEdits(Limits):
    """Names of tags with texts, or with null. `by_converter`: the converter writes them, and takes only so much."""

    by_converter: bool = False

    def allows(self, value: Mapping[str, str | None]) -> bool:
        return self.problem_with(value) is None

    def problem_with(self, value: Mapping[str, str | None]) -> str | None:
        if len(value) > MAX_EDITS:
            return f"must be at most {MAX_EDITS} tags, not {len(value)}"
        for name, text in value.items():
            if not (_is_unicode(name) and _is_unicode(text or "")):
                return "must have names and texts of valid Unicode"
            if not re.fullmatch(_NAME, name):
                return "must have names of 1 to 100 characters, without '=' and control characters"
            if is_of_the_file(field_named(name)):
                return f"cannot set {name}, which says how the file is made"
            if text is not None and ("\0" in text or len(text) > MAX_VALUE_BYTES // 4):
                return f"must have texts of at most {MAX_VALUE_BYTES // 4} characters, none of them NUL"
        if self.by_converter and sum(len(text.encode()) for text in value.values() if text) > MAX_ARGUMENT_BYTES:
            return f"must have texts of at most {MAX_ARGUMENT_BYTES} bytes in UTF-8 together"
        return None

    def keywords(self) -> Mapping[str, Any]:
        return {
            "maxProperties": MAX_EDITS,
            "propertyNames": {"pattern": f"^{_NAME}$"},
            "additionalProperties": {
                "type": ["string", "null"],
                "maxLength": MAX_VALUE_BYTES // 4,
                "pattern": f"^{_TEXT}$",
            },
        }

    def __str__(self) -> str:
        return f"up to {MAX_EDITS} names with texts or null"


def _is_unicode(text: str) -> bool:
    """Whether the text can be written anywhere. JSON may hold half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Edits:
    """What a message changes. `tags` has a text for each name to set, None for one to remove. `cover` is a new one."""

    tags: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    keeps_tags: bool = True
    keeps_cover: bool = True
    cover: Picture | None = None

    def applied_to(self, metadata: Metadata) -> Metadata:
        """The metadata of an output, from its source's."""
        if not self.keeps_tags:
            metadata = replace(metadata, tags={}, chapters=())
        cover = self.cover or (metadata.cover if self.keeps_cover else None)
        return replace(metadata, tags=_edited(metadata.tags, self.tags), cover=cover)


def _edited(tags: Tags, edits: Mapping[str, str | None]) -> Tags:
    """The tags with the edits. An edit of a number also removes the source's total: its text may have one (`3/12`)."""
    fields = {field_named(name) for name in edits}
    gone = {plain(each) for each in (*fields, *(TOTALS[name] for name in fields if name in TOTALS))}
    collector = Collector(is_set=True)
    for name, text in edits.items():
        collector.add(name, text or "")
    return {**{name: values for name, values in tags.items() if plain(name) not in gone}, **collector.tags}
