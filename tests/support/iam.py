"""What a policy allows, and which rights the calls on the wire need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.aws_calls import Call

# Operations that IAM knows by another name (https://docs.aws.amazon.com/service-authorization/latest/reference/).
ACTIONS = {
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "ListObjectsV2": "ListBucket",
    "DeleteMessageBatch": "DeleteMessage",
    "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    # What a client of the SDK signs, and another sends.
    "GeneratePresignedPost": "PutObject",
    "GeneratePresignedUrl": "GetObject",
}


@dataclass(frozen=True, order=True)
class Right:
    """An action, such as `sqs:SendMessage`, on the ARN of a resource."""

    action: str
    resource: str


@dataclass(frozen=True)
class Grant:
    """One action of one statement, with the resources that it is for. Both may hold `*`."""

    sid: str
    action: str
    resources: Sequence[str]

    def allows(self, right: Right) -> bool:
        return _matches(self.action, right.action) and any(_matches(each, right.resource) for each in self.resources)


def grants_of(policy: Mapping[str, Any]) -> list[Grant]:
    """Raises ValueError for a statement with what is not understood here."""
    found = []
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or set(statement) - {"Sid", "Effect", "Action", "Resource"}:
            raise ValueError(f"this statement is more than a list of rights: {statement}")
        resources = _listed(statement["Resource"])
        found += [Grant(statement["Sid"], action, resources) for action in _listed(statement["Action"])]
    return found


def rights_of(call: Call, account: str, region: str) -> Iterator[Right]:
    """The rights that a call to SQS, DynamoDB or S3 needs."""
    action = f"{call.service}:{ACTIONS.get(call.action, call.action)}"
    if call.service == "s3":
        path = unquote(urlsplit(call.path).path).strip("/")
        yield Right(action, f"arn:aws:s3:::{path}")
        return
    names = _tables if call.service == "dynamodb" else _queues
    for name in names(json.loads(call.body)):
        yield Right(action, f"arn:aws:{call.service}:{region}:{account}:{name}")


def _tables(body: Mapping[str, Any]) -> list[str]:
    if "RequestItems" in body:
        return [f"table/{name}" for name in body["RequestItems"]]
    index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
    return [f"table/{body['TableName']}{index}"]


def _queues(body: Mapping[str, Any]) -> list[str]:
    return [body["QueueName"] if "QueueName" in body else body["QueueUrl"].rpartition("/")[2]]


def _listed(value: Any) -> list[str]:
    """moto keeps a None for what a condition of a template leaves out."""
    return [value] if isinstance(value, str) else [each for each in value if each is not None]


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None
