"""The region that a queue's URL names.

https://docs.aws.amazon.com/general/latest/gr/sqs-service.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-internetwork-traffic-privacy.html
"""

from __future__ import annotations

import re

_DOMAIN = (
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov)"
)
# sqs.REGION, sqs-fips.REGION, and behind a VPC endpoint vpce-ID.sqs.REGION.vpce
_REGIONAL = re.compile(rf"(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?{_DOMAIN}")
_LEGACY = re.compile(rf"(?:([a-z0-9-]+)\.)?queue\.{_DOMAIN}")
_LEGACY_DEFAULT = "us-east-1"
_HOST = re.compile(r"https?://([^/:]+)", re.IGNORECASE)


def region_of_queue(queue_url: str) -> str | None:
    """The region in the URL's host name; None where that is no endpoint of AWS."""
    host = _HOST.match(queue_url)
    if host is None:
        return None
    name = host[1].lower()
    if match := _REGIONAL.fullmatch(name):
        return match[1]
    if match := _LEGACY.fullmatch(name):
        return match[1] or _LEGACY_DEFAULT
    return None
