"""A disk of a given size, of which the files beneath one directory take up a part."""

from __future__ import annotations

from pathlib import Path

from worker.domain.errors import WorkspaceFullError


def _taken_by(path: Path) -> int:
    """The file's size, without its holes."""
    stat = path.stat()
    return min(stat.st_size, stat.st_blocks * 512)


class FakeVolume:
    """The `Volume` port over real files. `foreign_bytes` are used by something that is not the worker's."""

    def __init__(self, root: Path, size_bytes: int) -> None:
        self._root = root
        self._size_bytes = size_bytes
        self.foreign_bytes = 0
        self.has_inodes = True

    def free_bytes(self, directory: Path) -> int:
        return self._size_bytes - self.foreign_bytes - self.used_bytes(self._root)

    def size_bytes(self, directory: Path) -> int:
        return self._size_bytes

    def used_bytes(self, directory: Path) -> int:
        return sum(_taken_by(path) for path in directory.rglob("*") if path.is_file())

    def full_error(self, directory: Path) -> WorkspaceFullError:
        return WorkspaceFullError() if self.has_inodes else WorkspaceFullError("inodes")
