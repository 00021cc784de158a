"""Mutants that no test can kill, or that none should, each with its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.code_mutants.operators import Mutant

# Kinds of which single ones may die, as patterns over `module: line: change`.
KINDS: tuple[tuple[str, str], ...] = (
    (
        r"(seconds|tolerance|_db\b|_lu\b|_SECONDS|(?<!RATES)_HZ\b|_PART\b).*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
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
        r": _?(MAX|KEPT)_[A-Z_]+ = .*off by one$",
        "a bound of effort or memory, of which the size matters and not the last digit",
    ),
    (
        r": (_?(READ|COPY|BLOCK|STEP|WINDOW|TAIL|LOOKED_AT|SEARCHED(_BLOCK)?)_BYTES|_[A-Z]+_AT_ONCE) = .*off by one$",
        "how much is read at a time or searched, of which the last digit does not matter",
    ),
    (
        r"encoding_cost=[\d.]+,.*off by one$",
        "an estimate of time, which is measured again in each job",
    ),
    (
        r"read_at\([^()]*, (\d+)\).*: \1 off by one$",
        "what is read beyond the fields is not looked at",
    ),
)

# Single ones by the same name, which must survive: a test that kills one shows its reason to be wrong.
# In the files, by module: `line: change` = "reason"; `change (2)` is the second such change in lines of that text.
EQUIVALENT: Mapping[str, str] = {
    f"{module}: {name}": reason
    for path in sorted((Path(__file__).parent / "equivalent").glob("*.toml"))
    for module, reasons in tomllib.loads(path.read_text("utf-8")).items()
    for name, reason in reasons.items()
}


def reason_of(mutant: Mutant) -> str | None:
    """Why the mutant may survive; None where it may not."""
    kind = f"{mutant.module}: {mutant.line}: {mutant.change}"
    return EQUIVALENT.get(mutant.name) or next((reason for pattern, reason in KINDS if re.search(pattern, kind)), None)


def must_survive(mutant: Mutant) -> bool:
    return mutant.name in EQUIVALENT
