"""How a command ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The contract's exit codes; 64 and 78 are those of sysexits.h."""

    OK = 0
    FAILED = 1
    NO_RECORD = 4
    USAGE = 64
    CONFIGURATION = 78


class UsageError(Exception):
    """The command was called in a way that makes no sense."""
