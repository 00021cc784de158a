"""What is said of a process that was killed: that it used up its CPU time, or that another has killed it."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM

import pytest

from worker.adapters.ffmpeg.process import has_used_up
from worker.adapters.sandbox.launcher import End


@pytest.mark.parametrize(
    ("code", "cpu_seconds", "expected"),
    [
        (-SIGKILL, 30.0, True),
        (-SIGKILL, 22.5, True),  # the ticks of a busy machine were more
        (-SIGKILL, 22.4, False),
        (-SIGKILL, 0.0, False),
        (-SIGTERM, 30.0, False),
        (0, 30.0, False),
    ],
)
def test_a_kill_near_the_limit_is_that_of_the_limit(code: int, cpu_seconds: float, expected: bool) -> None:
    assert has_used_up(End(code, cpu_seconds, peak_bytes=0), 30) is expected
