"""One call to AWS as it is on the wire, and errors in the words of AWS."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from aiohttp import web

_SIGNED_TEXT = "https://secret?X-Amz-Signature=x"  # what an error's text may hold; no user may see it
# The names of the errors of a JSON service begin with one of these; the first is the service's own.
_OWN_ERRORS = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810",
    "sqs": "com.amazonaws.sqs",
    "events": "com.amazonaws.events",
}
_COMMON_ERRORS = "com.amazon.coral.service"
_COMMON_NAMES = ("AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException")


@dataclass(frozen=True)
class Call:
    """A request. Header names are in lower case; `path` holds the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def service(self) -> str:
        """`dynamodb`, `sqs`, `events`, `sns` or `s3`."""
        target = self.headers.get("x-amz-target", "")
        by_target = {"DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events"}
        found = next((service for prefix, service in by_target.items() if target.startswith(prefix)), None)
        return found or ("sns" if self._is_form else "s3")

    @property
    def action(self) -> str:
        """The operation's name in the service's API, such as `UpdateItem` or `UploadPart`."""
        target = self.headers.get("x-amz-target")
        if target:
            return target.rpartition(".")[2]
        return parse_qs(self.body.decode())["Action"][0] if self._is_form else self._s3_action()

    @property
    def _is_form(self) -> bool:
        """Whether it is in the query protocol, as calls to SNS are."""
        is_form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return is_form and self.body.startswith(b"Action=")

    @property
    def query(self) -> Mapping[str, str]:
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
        }

    @property
    def key(self) -> str:
        """The key of the object, where the bucket stands in the path; empty for a call about the bucket."""
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _s3_action(self) -> str:
        query = self.query
        if "uploads" in query:
            return {"POST": "CreateMultipartUpload", "GET": "ListMultipartUploads"}[self.method]
        if "uploadId" in query:
            parts = {"PUT": "UploadPart", "GET": "ListParts", "POST": "CompleteMultipartUpload"}
            return parts.get(self.method, "AbortMultipartUpload")
        if "list-type" in query:
            return "ListObjectsV2"
        kind = "Object" if self.key else "Bucket"
        return {"PUT": "Put", "GET": "Get", "HEAD": "Head", "DELETE": "Delete"}.get(self.method, self.method) + kind


Matches = Callable[[Call], bool]


def calls_of(*actions: str) -> Matches:
    """Matches the operations of these names."""
    return lambda call: call.action in actions


def receives_messages(call: Call) -> bool:
    """Matches calls of a consumer. What a worker tries at its start, whether it may receive, asks for no message."""
    return call.action == "ReceiveMessage" and json.loads(call.body)["MaxNumberOfMessages"] > 0


def deletes_messages(call: Call) -> bool:
    """Matches calls of a consumer. What a worker tries at its start, whether it may delete, names no message."""
    return call.action == "DeleteMessageBatch" and b'"ReceiptHandle": "worker-doctor"' not in call.body


def s3_error(status: int, code: str, **more: str) -> web.Response:
    """An error as S3 words it (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).

    `more` are further elements, such as `Region`.
    """
    elements = {"Code": code, "Message": _SIGNED_TEXT, **more, "RequestId": "4442587FB7D0A2F9", "HostId": "x"}
    body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    return web.Response(
        status=status,
        text=f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>',
        content_type="application/xml",
        headers={"x-amz-request-id": "4442587FB7D0A2F9", "x-amz-id-2": "x"},
    )


def json_error(service: str, status: int, code: str, **more: Any) -> web.Response:
    """An error of DynamoDB, SQS or EventBridge, in AWS's JSON protocol
    (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html).

    `more` are further members of the error's document.
    """
    namespace = _COMMON_ERRORS if code in _COMMON_NAMES else _OWN_ERRORS[service]
    body = json.dumps({"__type": f"{namespace}#{code}", "message": _SIGNED_TEXT} | more).encode()
    headers = {"x-amzn-RequestId": "4442587FB7D0A2F9", "x-amz-crc32": str(zlib.crc32(body))}
    return web.Response(status=status, body=body, content_type="application/x-amz-json-1.0", headers=headers)


def aws_error(call: Call, status: int, code: str) -> web.Response:
    """The error in the protocol of the call's service. An answer to HEAD has no body, so it has no code."""
    if call.method == "HEAD":
        return web.Response(status=status)
    if call.service == "sns":
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(_SIGNED_TEXT)}</Message></Error>"
        return web.Response(
            status=status, text=f"<ErrorResponse>{error}</ErrorResponse>", content_type="text/xml"
        )  # https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
    return s3_error(status, code) if call.service == "s3" else json_error(call.service, status, code)
