"""What is wrong with the environment, in lines for the person who set it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.domain.redaction import REDACTED, redact

_MAX_SHOWN = 100  # characters of a value
_BEFORE_AT = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the environment, and the variables that it concerns, the most important first."""

    names: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        return f"{self.names[0]}: {self.problem}"


class ConfigurationError(Exception):
    """The environment has faults. The process ends with exit code 78 (EX_CONFIG of sysexits.h)."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def shown(value: str) -> str:
    """A bad value as a fault repeats it: short, and without secrets.

    What stands in front of an @ is left out. It is a user and a password in an address, and in a value that is not a
    proper URL nothing else tells where they are.
    """
    text = redact(_BEFORE_AT.sub(rf"\1{REDACTED}@", value))
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")
