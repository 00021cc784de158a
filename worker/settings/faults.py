"""What is wrong with the environment, in lines for the person who set it."""

from __future__ import annotations

from dataclasses import dataclass


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
