"""The file system on which jobs keep their files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from worker.domain.errors import WorkspaceFullError


class Volume(Protocol):
    """The file system of a directory, in bytes. Each call blocks for as long as the file system takes.

    `free_bytes` and `size_bytes` raise OSError; the others raise nothing.
    """

    def free_bytes(self, directory: Path) -> int:
        """How much can be written now."""

    def size_bytes(self, directory: Path) -> int:
        """How much could be written if the file system were empty."""

    def used_bytes(self, directory: Path) -> int:
        """How much the files beneath the directory take. What cannot be looked at counts as nothing."""

    def full_error(self, directory: Path) -> WorkspaceFullError:
        """The error of a write that found no space: it says whether bytes or inodes are used up."""
