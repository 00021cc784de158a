"""A file system that gives no part of a file back, or not at once."""

from __future__ import annotations

import ctypes

import pytest

from worker.adapters import disk


def fail_to_release(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    """The first calls to give back a part of a file fail with these errors, and all others with the last of them."""
    left = list(codes)

    def fallocate(*_: object) -> int:
        ctypes.set_errno(left.pop(0) if len(left) > 1 else left[0])
        return -1

    monkeypatch.setattr(disk, "_fallocate", fallocate)
