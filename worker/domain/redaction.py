"""What must never be written anywhere: secrets, taken out of text."""

from __future__ import annotations

import re
from functools import lru_cache

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|credential|cookie|receipt_?handle|api_?key", re.IGNORECASE
)

_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # Presigned URLs turn up in exceptions' texts and in what HTTP clients log.
    (
        re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)(?:=|%3D))[^&\s\"'<>]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(rediss?://)\S*@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"(?<=://)[^/\s@\"']*@"), f"{REDACTED}@"),
    (re.compile(r"(authorization[\"']?\s*[:=]\s*).+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"((?:password|secret|token)[\"']?\s*[:=]\s*)[^\s,;&)}\]]+", re.IGNORECASE), rf"\1{REDACTED}"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED),
)

# Nearly all text has none of these; one search is cheaper than six.
_SUSPICIOUS = re.compile(r"x-amz-|://|authorization|password|secret|token|AKIA|ASIA", re.IGNORECASE)


@lru_cache(maxsize=1024)
def names_a_secret(name: str) -> bool:
    """Whether a field or variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """The text without passwords, signatures and keys; the same text where it holds none."""
    if _SUSPICIOUS.search(text) is None:
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text
