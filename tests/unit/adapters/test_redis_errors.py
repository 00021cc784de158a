"""What Redis' error replies say of the next call, in the words of old and new servers."""

from __future__ import annotations

import ssl

import pytest
from redis.exceptions import ResponseError

from worker.adapters.redis.errors import _CERTIFICATES, _REPLIES, _TABLE, _WORDS, store_failure
from worker.application.operations.diagnosis import REDIS_ADVICE
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
        ("ERR something new", "error reply", Severity.SOFT),
        ("ERR unknown command 'EVALSHA', with args …", "unknown command, as if to a sentinel", Severity.HARD),
        ("NOPERM No permissions to access a key", "permission denied", Severity.HARD),
        ("NOPERM No permissions to access a channel", "permission denied for channels", Severity.HARD),
        (
            "ERR ACL failure in script: No permissions to access a channel script: 0f, on @user_script:12.",
            "permission denied for channels",
            Severity.HARD,
        ),
        (
            "ERR ACL failure in script: User worker has no permissions to run the 'publish' command script: 0f.",
            "permission denied",
            Severity.HARD,
        ),
        ("ERR Client sent AUTH, but no password is set", "no password is set there", Severity.HARD),
        (
            "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for …",
            "protected mode: serves its own machine only",
            Severity.HARD,
        ),
    ],
)
def test_a_reply_is_recognised_by_its_code(reply: str, reason: str, severity: Severity) -> None:
    failure = store_failure(ResponseError(reply))

    assert (failure.reason, failure.severity) == (reason, severity)


@pytest.mark.parametrize("code", [80, 85, 94])
def test_a_certificate_that_only_python_3_13_refuses_is_not_called_untrusted(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed: Missing Authority Key Identifier")
    error.verify_code = code

    assert store_failure(error).reason == "TLS certificate not as RFC 5280 demands"


def test_there_is_advice_for_every_reason_that_does_not_pass_by_itself() -> None:
    hard = {reason for reason, severity in _REPLIES.values() if severity is Severity.HARD}
    hard |= set(_CERTIFICATES.values())
    hard |= {reason for _, reason in _WORDS} | {reason for _, reason, severity in _TABLE if severity is Severity.HARD}

    assert hard <= set(REDIS_ADVICE)
