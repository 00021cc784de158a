"""The name of an ElastiCache cache, read from the host name of its endpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html, the forms with TLS
_NODE_BASED = re.compile(
    r"(?:master|replica|clustercfg)\.([a-z0-9-]+)\.[a-z0-9]+\.[a-z0-9]+\.cache\.amazonaws\.com\S*"
)
_SERVERLESS = re.compile(r"([a-z0-9-]+)-[a-z0-9]{6}\.serverless\.[a-z0-9]+\.cache\.amazonaws\.com\S*")


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache by the name that IAM uses."""

    name: str
    is_serverless: bool


def cache_of(endpoint: str) -> Cache | None:
    """The cache that an endpoint belongs to; None where its name does not show it."""
    if match := _SERVERLESS.fullmatch(endpoint.lower()):
        return Cache(match[1], is_serverless=True)
    if match := _NODE_BASED.fullmatch(endpoint.lower()):
        return Cache(match[1], is_serverless=False)
    return None
