"""Mutants that no test can kill, or that none should, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.code_mutants.operators import Mutant

# Kinds of which single ones may die, as patterns over `module: line: change`.
KINDS: tuple[tuple[str, str], ...] = (
    (
        r"(seconds|tolerance|_SECONDS|_HZ\b|part).*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
        "both sides are measured: that they are equal to the last bit is chance",
    ),
    (
        r"strict=(True|False).*: (True|False) turned round$",
        "strict notices mistakes in our own code, which has none here",
    ),
    (
        r"(<|>)=? _?(MAX|KEPT)_[A-Z_]+.*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
        "a bound of effort or memory, of which the size matters and not whether it is within it",
    ),
    (
        r": _?[A-Z_]*(MAX|BYTES|LINES|WINDOW|BLOCK|CHUNK|LIMIT)[A-Z_]* = .*off by one$",
        "a bound of effort or memory, of which the size matters and not the last digit",
    ),
)

# Single ones by the same name, which must survive: a test that kills one shows its reason to be wrong.
EQUIVALENT: Mapping[str, str] = {
    "worker.adapters.ffmpeg.finite: while left > 0 and (block := file.read(min(left, _STEP_BYTES))):: Gt for GtE": (
        "nothing is read where nothing is left"
    ),
    "worker.adapters.ffmpeg.finite: while left > 0 and (block := file.read(min(left, _STEP_BYTES))):: 0 off by one": (
        "a sample has at least four bytes"
    ),
    "worker.adapters.ffmpeg.report: if returncode < 0:: Lt for LtE": "0 has been answered before",
    "worker.adapters.ffmpeg.report: if returncode < 0:: 0 off by one": "0 has been answered before",
    "worker.domain.containers.flv: return 0.0: 0.0 off by one": "a millisecond is less than what is said",
    "worker.domain.containers.mp4: last_time, last_bytes = latest.get(track, (-1, 0)): 0 off by one": (
        "no fragment begins at -1, at which this size would count"
    ),
    "worker.domain.mixing: return positions if set(positions) <= set(POSITIONS) else None: LtE for Lt": (
        "no layout has all positions"
    ),
    'worker.domain.mixing: if low or len(substitutes) > 1 or substitutes == ("FC",):: 1 off by one': (
        "what goes to a pair is mixed in at -3 dB anyway"
    ),
}


def name_of(mutant: Mutant) -> str:
    """The name by which a survivor is listed. It does not change with the lines above it."""
    return f"{mutant.module}: {mutant.line}: {mutant.change}"


def reason_of(mutant: Mutant) -> str | None:
    """Why the mutant may survive; None where it may not."""
    name = name_of(mutant)
    return EQUIVALENT.get(name) or next((reason for pattern, reason in KINDS if re.search(pattern, name)), None)


def must_survive(mutant: Mutant) -> bool:
    return name_of(mutant) in EQUIVALENT
