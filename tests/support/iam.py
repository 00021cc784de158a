"""What a policy allows, and which rights the calls on the wire need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

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
    """The grants of a policy. Raises ValueError for a statement with parts that are not understood here."""
    found = []
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or set(statement) - {"Sid", "Effect", "Action", "Resource"}:
            raise ValueError(f"this statement is more than a list of rights: {statement}")
        resources = _listed(statement["Resource"])
        found += [Grant(statement["Sid"], action, resources) for action in _listed(statement["Action"])]
    return found


def rights_of(call: Call, account: str, region: str) -> Iterator[Right]:
    """The rights that a call of the worker needs."""
    action = f"{call.service}:{ACTIONS.get(call.action, call.action)}"
    match call.service:
        case "s3":
            yield from _rights_at_s3(call, action)
        case "sns":
            yield Right(action, parse_qs(call.body.decode())["TopicArn"][0])
        case "events":
            body = json.loads(call.body)
            for bus in [body["Name"]] if "Name" in body else [each["EventBusName"] for each in body["Entries"]]:
                yield Right(action, bus)
        case service:
            names = _tables if service == "dynamodb" else _queues
            for name in names(json.loads(call.body)):
                yield Right(action, f"arn:aws:{service}:{region}:{account}:{name}")


def _rights_at_s3(call: Call, action: str) -> Iterator[Right]:
    """The rights that a call to S3 needs.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """
    resource = f"arn:aws:s3:::{unquote(urlsplit(call.path).path).strip('/')}"
    yield Right(action, resource)
    if "x-amz-acl" in call.headers:
        yield Right("s3:PutObjectAcl", resource)
    if key := call.headers.get("x-amz-server-side-encryption-aws-kms-key-id"):
        yield Right("kms:GenerateDataKey", key)
        if call.action == "CreateMultipartUpload":
            yield Right("kms:Decrypt", key)  # S3 joins what it has encrypted


def _tables(body: Mapping[str, Any]) -> list[str]:
    if "RequestItems" in body:
        return [f"table/{name}" for name in body["RequestItems"]]
    index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
    return [f"table/{body['TableName']}{index}"]


def _queues(body: Mapping[str, Any]) -> list[str]:
    return [body["QueueName"] if "QueueName" in body else body["QueueUrl"].rpartition("/")[2]]


def _listed(value: Any) -> list[str]:
    """The value as a list, without the None that moto keeps for what a condition of a template leaves out."""
    return [value] if isinstance(value, str) else [each for each in value if each is not None]


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None
