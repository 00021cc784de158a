"""Replaces defaults of the SDK.

Bodies are sent at once, redirections are signed again, a proxy's page is not taken for an answer, and an answer that
cannot be read is a failure of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiobotocore.response import StreamingBody
from botocore.parsers import ResponseParserError

from worker import usage
from worker.adapters.aws.tls import CheckedHttp

_MAX_REDIRECTIONS = 3
_HOPS = "worker_redirections"
_UNREAD_PARAMETERS = ("Key", "Prefix", "CopySource")
# After these the endpoint is looked up again. A short call is cancelled before its connection times out.
_MAY_HAVE_MOVED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, asyncio.CancelledError)
_REGION_IN_HOST = re.compile(r"(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.")

# By operation, what each answer of success has, also one that says that there is nothing.
_MEMBERS = {
    "BatchGetItem": "Responses",
    "DescribeTable": "Table",
    "DescribeTimeToLive": "TimeToLiveDescription",
    "GetQueueAttributes": "Attributes",  # each call asks for one that every queue has
    "GetQueueUrl": "QueueUrl",
    "Query": "Items",
    "SendMessage": "MessageId",
}


class Session(CheckedHttp):
    """Leaves redirections to the SDK: aiohttp would follow them with a signature that is for another host.

    The certificates of the authorities are read before the first request, which would wait for it otherwise.
    """

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await super()._get_session(None)  # type: ignore[misc]
        return self

    async def _get_session(self, proxy_url: str | None) -> _WithoutRedirections:
        return _WithoutRedirections(await super()._get_session(proxy_url))  # type: ignore[misc]


class _WithoutRedirections:
    """As much of an aiohttp session as the SDK uses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> aiohttp.ClientResponse:
        try:
            return await self._session.request(method, allow_redirects=False, **options)
        except _MAY_HAVE_MOVED:
            if isinstance(connector := self._session.connector, aiohttp.TCPConnector):
                connector.clear_dns_cache()  # aiohttp keeps addresses to which no connection can be made, too
            raise


class _Parsers:
    """In place of the SDK's factory of parsers: what any of them raises is a ResponseParserError."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers

    def create_parser(self, protocol: str) -> _Parser:
        return _Parser(self._parsers.create_parser(protocol))


class _Parser:
    """As much of a parser as the SDK uses."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    async def parse(self, response: Mapping[str, Any], shape: Any) -> dict[str, Any]:
        """The answer as the SDK reads it. Raises ResponseParserError.

        The SDK's parser raises ValueError for a header that is no date or no number, and TypeError or AttributeError
        for JSON of other types than the service's. Stores and proxies answer so.
        """
        try:
            return await self._parser.parse(response, shape)  # type: ignore[no-any-return]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
            if isinstance(body := response["body"], StreamingBody):  # it has not been read, and nobody will
                body.close()
            raise ResponseParserError("the answer is none of the service's") from exc


def prepare(client: Any) -> None:
    """Register what changes the client's requests and reads its answers; each service has its own events."""
    endpoint = client._endpoint  # noqa: SLF001 - the event after parsing does not come where that has failed
    endpoint._response_parser_factory = _Parsers(endpoint._response_parser_factory)  # noqa: SLF001
    events = client.meta.events
    events.register_last("before-call.s3", _send_at_once, unique_id="worker-send-at-once")
    events.register_last("before-endpoint-resolution.s3", _address_access_point, unique_id="worker-access-point")
    if client.meta.service_model.service_name == "s3":
        _resolve_by_bucket(client)
    events.register_first("needs-retry.s3", _follow_redirection, unique_id="worker-follow-redirection")
    for service, called in (("s3", usage.s3_called), ("dynamodb", usage.dynamodb_called)):
        events.register_last(f"before-send.{service}", partial(_count, called), unique_id=f"worker-count-{service}")
    for service in ("dynamodb", "sqs", "eventbridge"):
        events.register_first(f"before-parse.{service}", _require_json, unique_id=f"worker-require-json-{service}")
    events.register_first("before-parse.sns.Publish", _require_published, unique_id="worker-require-published")
    for action in ("GetObject", "HeadObject"):
        events.register_last(f"after-call.s3.{action}", _forget_weak_etag, unique_id=f"worker-forget-{action}")
    for action in ("PutObject", "CompleteMultipartUpload"):
        events.register_first(f"before-parse.s3.{action}", _require_kept, unique_id=f"worker-require-kept-{action}")


def _count(called: Callable[[], None], **_: Any) -> None:
    """Count the request for its job. What a handler of this event returns is taken for the answer: nothing."""
    called()


def _resolve_by_bucket(client: Any) -> None:
    """Have the SDK find S3's endpoint once a bucket, and not for each object, which costs it 0.4 ms of CPU a call.

    It remembers what it has found by all parameters of its rules, and none of the rules reads these.
    """
    parameters = getattr(client._ruleset_resolver, "_param_definitions", {})  # noqa: SLF001 - there is no other way
    for name in _UNREAD_PARAMETERS:
        parameters.pop(name, None)


def _require_json(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a success whose body is no JSON. The SDK takes it for an empty one, and a write then counts as done.

    Proxies and captive portals answer so: a page with status 200. Raises ResponseParserError, also for JSON that is
    not the service's. Where an operation has no output, SQS answers with an empty body
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html).
    """
    body = response_dict["body"]
    if not body and operation_model.output_shape is None:
        return
    if response_dict["status_code"] < 300:
        try:
            answer = json.loads(body)
        except ValueError as exc:
            raise ResponseParserError("the body is no JSON") from exc
        member = _MEMBERS.get(operation_model.name)
        if not isinstance(answer, dict) or (member is not None and answer.get(member) is None):
            raise ResponseParserError("the body is none of the service's")


def _require_published(response_dict: dict[str, Any], **_: Any) -> None:
    """Refuse a page in place of SNS's answer: the SDK raises a KeyError for one in XML. Raises ResponseParserError."""
    if response_dict["status_code"] < 300 and b"PublishResult" not in response_dict["body"]:
        raise ResponseParserError("the body is none of SNS's")


def _require_kept(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a page in place of S3's answer: empty after a PUT, and the result after a multipart upload.

    Raises ResponseParserError for anything else under a status of success.
    """
    if response_dict["status_code"] < 300:
        body = response_dict["body"]
        is_put = operation_model.name == "PutObject"
        if body.strip() if is_put else b"CompleteMultipartUploadResult" not in body and b"<Error>" not in body:
            raise ResponseParserError("the body is none of S3's")


def _forget_weak_etag(parsed: dict[str, Any], **_: Any) -> None:
    """Take an answer with a weak ETag for one without an ETag: If-Match holds for none that is weak.

    Proxies that compress make ETags weak (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1).
    """
    if str(parsed.get("ETag", "")).startswith("W/"):
        del parsed["ETag"]


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Send the body with the headers.

    With `Expect: 100-continue` aiohttp waits for "100 Continue" without a limit, and some endpoints never say it.
    """
    params["headers"].pop("Expect", None)


def _address_access_point(builtins: dict[str, Any], params: dict[str, Any], **_: Any) -> None:
    """An access point is addressed by the host's name alone, also where an endpoint wants buckets in the path."""
    if str(params.get("Bucket", "")).startswith("arn:"):
        builtins["AWS::S3::ForcePathStyle"] = False


def _follow_redirection(request_dict: dict[str, Any], response: Any, **_: Any) -> int | None:
    """Send the request to where a 307 points, signed for that host. S3 answers so while a bucket is new.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
    Returns the seconds to wait before it is sent, or None where this is no redirection. TLS is never left.
    """
    if response is None or response[0].status_code != 307:
        return None
    context = request_dict["context"]
    # The SDK's own redirector would ask for the bucket's region, and follow a redirection of that request for ever.
    context.setdefault("s3_redirect", {})["redirected"] = True
    headers = response[0].headers
    url = urljoin(request_dict["url"], headers.get("location", ""))
    hops = context.get(_HOPS, 0)
    is_less_safe = request_dict["url"].startswith("https:") and not url.startswith("https:")
    if "location" not in headers or hops == _MAX_REDIRECTIONS or is_less_safe:
        return None
    context[_HOPS] = hops + 1
    request_dict["url"] = url
    match = _REGION_IN_HOST.search(urlsplit(url).hostname or "")
    region = headers.get("x-amz-bucket-region") or (match[1] if match else None)
    if region is not None:
        context["signing"] = context.get("signing", {}) | {"region": region}
    return 0
