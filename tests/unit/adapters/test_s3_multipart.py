"""How an upload is cut into parts."""

from __future__ import annotations

import pytest

from worker.adapters.s3.multipart import UploadLimits

MIB = 1 << 20
LIMITS = UploadLimits(part_bytes=5 * MIB, concurrency=2, body_seconds=1)


@pytest.mark.parametrize("size", [17 * MIB, 10_000 * 5 * MIB, 10_000 * 5 * MIB + 1, 5 << 40])
def test_no_object_needs_more_than_ten_thousand_parts(size: int) -> None:
    step = LIMITS.step(size)

    assert step >= 5 * MIB
    assert -(-size // step) <= 10_000
