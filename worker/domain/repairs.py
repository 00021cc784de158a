"""How many of the repairs of a source its job's record names."""

from __future__ import annotations

import json
from collections.abc import Sequence

# An item of DynamoDB holds 400 KB. Sources and targets may take 200 KB of it and the playlists of streams 100 KB. A
# message is kept with its record where it has 128 KB at most, which then bounds its sources and targets as well.
# A repair of one of several sources begins with its name, of which JSON may make 6 KB.
MOST_BYTES = 32_768


def told(repairs: Sequence[str]) -> tuple[str, ...]:
    """As many of the repairs as have room in `MOST_BYTES` of JSON; a last sentence counts the others."""
    left_bytes = MOST_BYTES
    for number, repair in enumerate(repairs):
        left_bytes -= len(json.dumps(repair, ensure_ascii=False).encode(errors="replace")) + len(",")
        if left_bytes < 0:
            return (*repairs[:number], f"{len(repairs) - number} more repairs are not named")
    return tuple(repairs)
