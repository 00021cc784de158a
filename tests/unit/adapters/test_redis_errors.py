"""What Redis' error replies say of the next call, in the words of old and new servers."""

from __future__ import annotations

import pytest
from redis.exceptions import ResponseError

from worker.adapters.redis.errors import store_failure
from worker.domain.circuit import Severity

IN_OLD_SCRIPT = "ERR Error running script (call to f_0f): @user_script:3: "
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.mark.parametrize(
    ("reply", "reason", "severity"),
    [
        ("READONLY You can't write against a read only replica.", "read only: not a primary", Severity.HARD),
        (f"{IN_OLD_SCRIPT}-READONLY You can't write …", "read only: not a primary", Severity.HARD),
        (f"{IN_OLD_SCRIPT}-OOM command not allowed when …", "out of memory", Severity.HARD),
        (f"{WRONG_TYPE} script: 0f, on @user_script:3.", "key of another type", Severity.LOCAL),
        (f"{IN_OLD_SCRIPT}{WRONG_TYPE}", "key of another type", Severity.LOCAL),
        ("ERR unknown command 'EVALSHA'", "error reply", Severity.SOFT),
    ],
)
def test_a_reply_is_told_by_its_code(reply: str, reason: str, severity: Severity) -> None:
    failure = store_failure(ResponseError(reply))

    assert (failure.reason, failure.severity) == (reason, severity)
