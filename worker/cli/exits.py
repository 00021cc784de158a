"""The exit codes of commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """64 and 78 are those of sysexits.h, 124 is that of timeout(1), and 130 is how shells report SIGINT."""

    OK = 0
    FAILED = 1
    NO_RECORD = 4
    USAGE = 64
    CONFIGURATION = 78
    TIMED_OUT = 124
    INTERRUPTED = 130


class UsageError(Exception):
    """The command's arguments are wrong."""
