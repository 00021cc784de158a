"""Mutants that no test can kill, or that none should, each with its reason."""

from __future__ import annotations

import re

from tests.code_mutants.operators import Mutant

# By a pattern over `module: line: change`.
REASONS: tuple[tuple[str, str], ...] = (
    (
        r"(seconds|tolerance|_SECONDS|_HZ\b|part).*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
        "both sides are measured: that they are equal to the last bit is chance",
    ),
    (
        r"strict=(True|False).*: (True|False) turned round$",
        "strict notices mistakes in our own code, which has none here",
    ),
    (
        r": _[A-Z_]*(MAX|BYTES|LINES|WINDOW|BLOCK|CHUNK|LIMIT)[A-Z_]* = .*off by one$",
        "a bound of effort or memory, of which the size matters and not the last digit",
    ),
)


def reason_of(mutant: Mutant) -> str | None:
    """Why the mutant may survive; None where it may not."""
    text = f"{mutant.module}: {mutant.line}: {mutant.change}"
    return next((reason for pattern, reason in REASONS if re.search(pattern, text)), None)
