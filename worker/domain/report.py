"""Reports: what a source is and what its sound is like, as JSON. Nothing of the sound is changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.domain.loudness import Loudness, finite
from worker.domain.source_format import SourceFormat
from worker.domain.tags.collecting import MAX_BYTES, Tags, with_total
from worker.domain.tags.fields import TOTALS
from worker.domain.trimming import TrimSilence

SILENCE_DBFS = TrimSilence().threshold_db  # what is below it in all channels is silence
SHORTEST_SILENCE_SECONDS = 0.5
MAX_SILENCES = 10_000
_LIKELY_BYTES_OF_A_SILENCE = 32
_ENDS_BYTES = 64 * 1024

# The highest sample that a decoder makes of 8 bits (ITU-T G.711, tables 1a and 2a), by the full scale of 16 bits.
_HIGHEST_OF_TELEPHONY = {("pcm_mulaw", 8): 32_124 / 32_768, ("pcm_alaw", 8): 32_256 / 32_768}

# Fields that have another name in a message.
_NAMES_IN_MESSAGES = {
    **{name.upper(): name for name in ("title", "artist", "album", "date", "genre", "comment", "composer", "lyrics")},
    "ALBUMARTIST": "album_artist",
    "TRACKNUMBER": "track",
    "DISCNUMBER": "disc",
}

Silence = tuple[float, float]  # where it begins and where it ends, in seconds


@dataclass(frozen=True, slots=True)
class Report:
    """A report on a source (its format and tags), and on the part and the channels of it that an output has."""

    source: SourceFormat
    tags: Tags
    loudness: Loudness
    clipped_samples: int
    silences: Sequence[Silence]

    def to_json(self) -> bytes:
        """The report in the shape that docs/options.md shows, with the first MAX_SILENCES silences."""
        document = {
            "source_audio": self.source.to_dict(),
            "tags": _named(self.tags),
            "loudness": _values_of(self.loudness),
            "clipped_samples": self.clipped_samples,
            "silences": [list(silence) for silence in self.silences[:MAX_SILENCES]],
        }
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def full_scale(codec: str, bits_per_sample: int) -> float:
    """From which magnitude on a decoded sample is clipped, where 1 is that of floats.

    It is the highest number of that many bits: 32767 of 16, for a positive and for a negative sample (AES17, 3.12).
    """
    highest = 1 - 2.0 ** (1 - bits_per_sample)
    return _HIGHEST_OF_TELEPHONY.get((codec, bits_per_sample), highest)


def joined_silences(silences: Iterable[Silence], seconds: float, *, gap_seconds: float = 0.0) -> list[Silence]:
    """The silences of sound that lasts so long, in their order; those with no more than the gap between are one."""
    joined: list[Silence] = []
    for silence in silences:
        begin, end = max(silence[0], 0.0), min(silence[1], seconds)
        if joined and begin - joined[-1][1] <= gap_seconds:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif begin < end:
            joined.append((begin, end))
    return [(round(begin, 6), round(end, 6)) for begin, end in joined]


def most_bytes(seconds: float) -> int:
    """The most bytes of the report of so many seconds of sound, unless its tags are full of control characters."""
    silences = min(MAX_SILENCES, int(seconds / SHORTEST_SILENCE_SECONDS) + 1)
    return _ENDS_BYTES + MAX_BYTES + silences * _LIKELY_BYTES_OF_A_SILENCE


def _named(tags: Tags) -> Mapping[str, str]:
    """One text for each tag, by the name that a message has for it."""
    totals = {total for number, total in TOTALS.items() if number in tags}
    return {
        _NAMES_IN_MESSAGES.get(field, field): with_total(tags, field) if field in TOTALS else "; ".join(values)
        for field, values in tags.items()
        if field not in totals
    }


def _values_of(loudness: Loudness) -> Mapping[str, Any]:
    """The loudness for JSON, with null for what is not finite. Where nothing is above the gate, the range is null."""
    integrated_lufs = finite(loudness.integrated_lufs)
    return {
        "integrated_lufs": integrated_lufs,
        "range_lu": None if integrated_lufs is None else finite(loudness.range_lu),
        "true_peak_dbtp": finite(loudness.true_peak_dbtp),
    }
