"""Collects the tags of a source as one value, within limits, and without those that would be wrong for an output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from worker.domain.tags.fields import TOTALS, field_named, plain

Tags = Mapping[str, tuple[str, ...]]  # the values of each field, by its name

MAX_VALUES = 500
MAX_VALUE_BYTES = 1 << 18
MAX_BYTES = 1 << 20  # of all values together
MAX_OFFERED = 10_000  # so many values are looked at: a file can have millions that are empty or alike
_MAX_NAME_CHARACTERS = 100

# Fields that say how a file was made, or what players cut off of its sound. Pictures and chapters are read elsewhere.
_OF_THE_FILE = re.compile(
    r"ITUNSMPB|ITUNPGAP|MAJORBRAND|MINORVERSION|COMPATIBLEBRANDS|HANDLERNAME|VENDORID|CREATIONTIME|DURATION"
    r"|WAVEFORMATEXTENSIBLECHANNELMASK|MP3GAIN(MINMAX|UNDO|ALBUMMINMAX)"
    r"|METADATABLOCKPICTURE|COVERART|COVERARTMIME|CHAPTER\d{2,3}(NAME|URL)?|ID3V2PRIV.*|TDEN|TDTG|TLEN|TSIZ|TDLY|TFLT"
)
# Fields that say that of the source alone, and may be set for an output.
_OF_THE_ENCODER = re.compile(
    r"ENCODER|ENCODEDBY|ENCODERSETTINGS|ENCODEROPTIONS|ENCODINGPARAMS|ENCODINGTOOL|TOOL", re.IGNORECASE
)
# What players change the volume by, or expect of it: ReplayGain (https://wiki.hydrogenaud.io/index.php?title=ReplayGain),
# that of Opus (RFC 7845, section 5.2.1), and iTunes' Sound Check.
_OF_THE_LEVEL = re.compile(r"REPLAYGAIN.*|R128(TRACK|ALBUM)GAIN|ITUNNORM")
_WITH_TOTAL = re.compile(r"\s*(\d*)\s*/\s*(\d*)\s*")


def is_of_the_file(field: str) -> bool:
    """Whether the field is no tag, but says how its file is made."""
    return _OF_THE_FILE.fullmatch(plain(field)) is not None


def without_levels(tags: Tags) -> Tags:
    """The tags without those by which players change the volume: they are wrong where the loudness was changed."""
    return {name: values for name, values in tags.items() if not _OF_THE_LEVEL.fullmatch(plain(name))}


class Collector:
    """Takes values in the order of the file. A value that exceeds a limit is left out: half of it would be wrong.

    Of a source (not `is_set`), fields that name its encoder are left out.
    """

    def __init__(self, *, is_set: bool = False) -> None:
        self._is_set = is_set
        self._values: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        self._room, self._room_bytes, self._offers = MAX_VALUES, MAX_BYTES, MAX_OFFERED

    def add(self, name: str, *values: str) -> None:
        """Add values of the field that a tag calls `name`."""
        self.add_all(name, values)

    def add_all(self, name: str, values: Iterable[str]) -> None:
        """Add any number of values, which are taken one by one, and only as many as are looked at."""
        field = field_named(name)
        for value in islice(values, self._offers):
            self._offers -= 1
            text = value.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()
            match = _WITH_TOTAL.fullmatch(text) if field in TOTALS else None
            if match:
                self._add(field, match[1])
                self._add(TOTALS[field], match[2])
            else:
                self._add(field, text)

    def _add(self, field: str, value: str) -> None:
        key = plain(field)
        length = len(value.encode("utf-8", "replace"))
        if not value or not key or len(field) > _MAX_NAME_CHARACTERS or is_of_the_file(field):
            return
        if not self._is_set and _OF_THE_ENCODER.fullmatch(key):
            return
        if length > min(MAX_VALUE_BYTES, self._room_bytes) or not self._room:
            return
        values = self._values.setdefault(self._names.setdefault(key, field), [])
        if value not in values:
            values.append(value.encode("utf-8", "replace").decode())
            self._room -= 1
            self._room_bytes -= length

    @property
    def tags(self) -> Tags:
        return {field: tuple(values) for field, values in self._values.items()}


def merged(sources: Sequence[Tags]) -> Tags:
    """The fields of several tags of one file; the first tag that has a field counts."""
    tags: dict[str, tuple[str, ...]] = {}
    for each in sources:
        tags = {**each, **tags}
    return tags


def with_total(tags: Tags, field: str) -> str:
    """`3/12` of a field that has a total, or its number alone; empty without a number."""
    number, total = (tags.get(each, ("",))[0] for each in (field, TOTALS[field]))
    return f"{number}/{total}" if number and total else number
