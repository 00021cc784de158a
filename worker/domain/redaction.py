"""Takes secrets out of text: they must never be written anywhere."""

from __future__ import annotations

import re
from functools import lru_cache

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|credential|cookie|receipt_?handle|api_?key", re.IGNORECASE
)

_EQUALS = "(?:=|%(?:25)*3D)"

_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # Presigned URLs turn up in exceptions' texts, in what HTTP clients log, and in keys that were pasted: those of S3
    # (version 4 and 2), CloudFront, Google and Azure, plain or percent-encoded.
    (
        re.compile(
            r"((?:(?<![a-z])|(?<=3F))(?:X-(?:Amz|Goog)-)?(?:Signature|Credential|Security-Token|AWSAccessKeyId|Policy|sig)"
            rf"{_EQUALS})[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(rediss?://)\S*@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"(?<=://)[^/\s@\"']*@"), f"{REDACTED}@"),
    (re.compile(r"(authorization[\"']?\s*[:=]\s*).+", re.IGNORECASE), rf"\1{REDACTED}"),
    (
        re.compile(rf"((?:password|secret|token)[\"']?\s*(?::|{_EQUALS})\s*)[^\s,;&)}}\]]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED),
)

# Nearly all text has none of these; one search is cheaper than six.
_SUSPICIOUS = re.compile(
    rf"(?:signature|credential|policy|sig){_EQUALS}|accesskeyid|://\S*@|authorization|password|secret|token|AKIA|ASIA",
    re.IGNORECASE,
)


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


@lru_cache(maxsize=1024)  # a job makes a record four times a second, each with the same source
def redacted_sources(sources: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """The source, or those that are joined, without what looks like a secret."""
    return tuple(map(redact, sources)) if isinstance(sources, tuple) else redact(sources)
