"""Where an object of S3 is: its bucket and its key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from worker.domain.limits import Pattern

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# The reserved endings (-s3alias, --x-s3, …) are allowed: access points and directory buckets are addressed by them.
_CHARACTERS = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_NAME = rf"(?!xn--|sthree-|amzn-s3-demo-)(?![0-9]+(?:\.[0-9]+){{3}}(?:/|$))(?![a-z0-9.-]*\.\.){_CHARACTERS}"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
_ACCESS_POINT = (
    r"arn:aws[a-z-]*:s3[a-z-]*:[a-z0-9-]*:[0-9]{12}:(?:outpost/[A-Za-z0-9-]+/)?accesspoint[/:][A-Za-z0-9.-]+"
)
_BUCKET = re.compile(f"(?:{_NAME}|{_ACCESS_POINT})")
_LOCATION = re.compile(rf"s3://(?P<bucket>{_ACCESS_POINT}|[^/]+)/(?P<key>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """An object's bucket and key. The key is taken as it stands: nothing is unquoted.

    The bucket may be an access point, by its ARN or its alias.
    """

    TEXT: ClassVar = Pattern(rf"s3://{_BUCKET.pattern}/[\s\S]{{1,{MAX_KEY_BYTES}}}", "s3://bucket/key")
    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> ObjectLocation:
        """Read `s3://bucket/key`. Raises ValueError with a sentence that says what is wrong."""
        match = _LOCATION.fullmatch(url)
        if match is None:
            has_bucket = re.fullmatch("s3://[^/]+/?", url) is not None
            raise ValueError("must be s3://bucket/key" + ", and there is no key" * has_bucket)
        if not _BUCKET.fullmatch(match["bucket"]):
            if re.fullmatch(_CHARACTERS, match["bucket"]):
                raise ValueError(
                    "the bucket's name may be no IP address, and have no '..' and no prefix that S3 reserves"
                )
            raise ValueError("the bucket's name must be 3 to 63 of a-z 0-9 . -")
        try:
            key_bytes = match["key"].encode()
        except UnicodeEncodeError:
            raise ValueError("the key is not valid Unicode") from None
        if len(key_bytes) > MAX_KEY_BYTES:
            raise ValueError(f"the key is longer than {MAX_KEY_BYTES} bytes")
        return cls(match["bucket"], match["key"])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
