"""The boundary where redis-py's exceptions become ours: a short reason, and what it says of the next call."""

from __future__ import annotations

import re
import socket
import ssl

from redis import exceptions as redis_exceptions
from redis.exceptions import RedisError

from worker.domain.circuit import Severity
from worker.ports import StoreUnavailableError

NOT_REDIS = "not Redis: unexpected reply"

# Code of the server's error reply -> reason. None of these passes by itself within the next calls.
_HARD_REPLIES = {
    "READONLY": "read only: not a primary",
    "OOM": "out of memory",
    "MISCONF": "cannot persist: refuses writes",
    "NOREPLICAS": "not enough replicas",
    "CLUSTERDOWN": "cluster down",
    "MASTERDOWN": "primary down",
    "LOADING": "loading its data",
    "BUSY": "busy with a script",
    "UNBLOCKED": "role changed",
    "NOAUTH": "authentication required",
    "WRONGPASS": "authentication failed",
    "NOPERM": "permission denied",
    "MOVED": "cluster mode: key is elsewhere",
}
# What an "ERR" says in words, where these are all that there is: part of the text -> reason. The first that fits.
_WORDS = (
    ("running in protected mode", "protected mode: serves its own machine only"),
    ("unknown command", "unknown command, as if to a sentinel"),
    ("access a channel", "permission denied for channels"),
    ("access the channel", "permission denied for channels"),
    ("ACL failure in script", "permission denied"),
    ("without any password configured", "no password is set there"),
    ("no password is set", "no password is set there"),
)
_REPLIES = {code: (reason, Severity.HARD) for code, reason in _HARD_REPLIES.items()} | {
    "WRONGTYPE": ("key of another type", Severity.LOCAL),  # written by another program; other keys work
}

# The first that fits; redis-py gives these no code, or raises them before there is a reply.
_TABLE: tuple[tuple[type[Exception], str, Severity], ...] = (
    (redis_exceptions.AuthenticationWrongNumberOfArgsError, "authentication failed", Severity.HARD),
    (redis_exceptions.AuthenticationError, "authentication failed", Severity.HARD),
    (redis_exceptions.AuthorizationError, "permission denied", Severity.HARD),
    (redis_exceptions.ResponseError, "error reply", Severity.SOFT),
    (redis_exceptions.InvalidResponse, NOT_REDIS, Severity.HARD),
    (redis_exceptions.TimeoutError, "timeout", Severity.SOFT),
    (redis_exceptions.ConnectionError, "connection lost", Severity.SOFT),
    (socket.gaierror, "name not resolved", Severity.SOFT),
    (ssl.SSLCertVerificationError, "TLS certificate not trusted", Severity.HARD),
    (ssl.SSLError, "TLS handshake failed", Severity.SOFT),
    (ConnectionRefusedError, "connection refused", Severity.SOFT),
    (TimeoutError, "timeout", Severity.SOFT),
    (OSError, "connection lost", Severity.SOFT),
    (RedisError, "failed", Severity.SOFT),
)

# By the number of X509_V_ERR_…: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
# From 80 on: what Python asks OpenSSL to be strict about since 3.13, such as an authority key identifier.
_CERTIFICATES = dict.fromkeys(range(80, 95), "TLS certificate not as RFC 5280 demands") | {
    9: "TLS certificate not yet valid",
    10: "TLS certificate expired",
    62: "TLS certificate of another name",
    64: "TLS certificate of another name",  # of another address
}

_REPLY_CODE = re.compile(r"[A-Z]{2,}")
# Before Redis 7 an error within a script comes as "ERR Error running script (…): … -READONLY You can't …", or, where
# a command raised it, as "… WRONGTYPE Operation against …".
_CODE_WITHIN_SCRIPT = re.compile(r"[- ]([A-Z]{2,}) ")


def store_failure(exc: Exception) -> StoreUnavailableError:
    """Our error for one of the library or the system. Its text, which may hold a key or a host, stays in the cause.

    Where it is neither the library's own nor the system's, the library could not read what the server said: a
    redirection without a node raises ValueError, one to a port beyond 65535 OverflowError.
    """
    for words, reason in _WORDS:
        if isinstance(exc, RedisError) and words in str(exc):
            return StoreUnavailableError(reason, Severity.HARD)
    code = _reply_code(exc)
    if code in _REPLIES:
        return StoreUnavailableError(*_REPLIES[code])
    if isinstance(exc, ssl.SSLCertVerificationError) and exc.verify_code in _CERTIFICATES:
        return StoreUnavailableError(_CERTIFICATES[exc.verify_code], Severity.HARD)
    for kind, reason, severity in _TABLE:
        if isinstance(exc, kind):
            return StoreUnavailableError(reason, severity)
    return StoreUnavailableError(NOT_REDIS, Severity.HARD)


def _reply_code(exc: Exception) -> str:
    if not isinstance(exc, RedisError):
        return ""
    # redis-py cuts off the codes that it knows and keeps them apart.
    code = exc.status_code
    if code is None:
        first = _REPLY_CODE.match(str(exc))
        code = first.group() if first else ""
    if code == "ERR":
        within = _CODE_WITHIN_SCRIPT.search(str(exc))
        code = within.group(1) if within else ""
    return code
