"""An AWS that costs next to nothing: SQS, S3 and DynamoDB that answer every call with the same success.

`python -m benchmarks.canned_aws PORT DIRECTORY`. It keeps objects and messages in memory, and no records. What was not
put there is sent from the file in the directory that has the name of the key's last part. It checks nothing: it is for
measuring what its client costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from worker.demo.servers import HOST, Server, free_port, running

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ACTION = re.compile(rb"\r\nx-amz-target: *\S+\.(\w+)", re.IGNORECASE)
_JSON = b"Content-Type: application/x-amz-json-1.0\r\n"
_HEAD = b"HTTP/1.1 %d OK\r\nx-amzn-RequestId: canned\r\nETag: %s\r\n%sContent-Length: %d\r\n\r\n"
_ETAG = b'"canned"'
_BEGUN = b"<InitiateMultipartUploadResult><UploadId>canned</UploadId></InitiateMultipartUploadResult>"
_COMPLETE = b"<CompleteMultipartUploadResult><ETag>canned</ETag></CompleteMultipartUploadResult>"


@dataclass
class _Aws:
    """The state of the server: what it has received, and what it answers."""

    directory: Path
    objects: dict[str, bytes] = field(default_factory=dict)
    messages: deque[str] = field(default_factory=deque)
    has_messages: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, method: bytes, url: SplitResult, action: str, body: bytes) -> bytes:
        if action:
            handler = self._actions().get(action)
            found = {} if handler is None else await handler(json.loads(body))
            content = json.dumps(found).encode()
            return _HEAD % (200, _ETAG, _JSON, len(content)) + content
        if "upload" in url.query:  # uploads to begin, uploadId to go on with it or to end it
            results = {b"POST": _BEGUN if url.query == "uploads" else _COMPLETE}
            content = results.get(method, b"")
            return _HEAD % (200, _ETAG, b"", len(content)) + content
        return self._object(method, url.path, body)

    def file_of(self, path: str) -> Path | None:
        """The file that is sent as the object at that path; None where one was put there, or there is none."""
        file = self.directory / Path(path).name
        return file if path not in self.objects and file.is_file() else None

    def _actions(self) -> Mapping[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]:
        return {
            "SendMessageBatch": self._send,
            "ReceiveMessage": self._receive,
            "DeleteMessageBatch": self._accept,
            "ChangeMessageVisibilityBatch": self._accept,
            "GetQueueAttributes": self._attributes,
            "BatchGetItem": self._no_items,
        }

    async def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        self.messages.extend(entry["MessageBody"] for entry in request["Entries"])
        self.has_messages.set()
        sent = [
            {"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": _md5(entry["MessageBody"])}
            for entry in request["Entries"]
        ]
        return {"Successful": sent, "Failed": []}

    async def _receive(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.messages:
            self.has_messages.clear()
            try:
                async with asyncio.timeout(request.get("WaitTimeSeconds", 0)):
                    await self.has_messages.wait()
            except TimeoutError:
                return {}
        count = min(request.get("MaxNumberOfMessages", 1), len(self.messages))
        return {"Messages": [_message(self.messages.popleft()) for _ in range(count)]}

    async def _accept(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}

    async def _attributes(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn:aws:sqs:eu-central-1:000000000000:jobs", "VisibilityTimeout": "60"}}

    async def _no_items(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"Responses": {}, "UnprocessedKeys": {}}

    def _object(self, method: bytes, path: str, body: bytes) -> bytes:
        if method == b"PUT":
            self.objects[path] = body
        content = self.objects.get(path, b"") if method == b"GET" else b""
        return _HEAD % (200, _ETAG, b"", len(content)) + content


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _message(body: str) -> dict[str, Any]:
    identity = _md5(body)
    attributes = {
        "SentTimestamp": "1795000000000",
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": "1795000000000",
    }
    return {"MessageId": identity, "ReceiptHandle": identity, "MD5OfBody": identity, "Body": body} | {
        "Attributes": attributes
    }


class _Connection(asyncio.Protocol):
    """One client's requests, each answered when it is whole."""

    def __init__(self, aws: _Aws) -> None:
        self._aws = aws
        self._received = bytearray()
        self._answering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            behind = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < behind:
                return
            body = bytes(self._received[end + 4 : behind])
            del self._received[:behind]
            task = asyncio.create_task(self._answer(head, body))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        action = _ACTION.search(head)
        url = urlsplit(target.decode())
        file = self._aws.file_of(url.path) if method == b"GET" else None
        if file is not None:
            await self._send_file(file)
            return
        answer = await self._aws.answer(method, url, action[1].decode() if action else "", body)
        self._transport.write(answer)

    async def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            self._transport.write(_HEAD % (200, _ETAG, b"", os.fstat(file.fileno()).st_size))
            await asyncio.get_running_loop().sendfile(self._transport, file)


@contextmanager
def canned_aws(directory: Path) -> Iterator[Server]:
    """The server, as a process of its own."""
    port = free_port()
    with running(Server("canned AWS", [sys.executable, "-m", __name__, str(port), str(directory)], port)) as server:
        yield server


def settings(aws_port: int, redis_port: int) -> dict[str, str]:
    """The environment of a worker that uses the server, and of the clients that send to it."""
    endpoint = f"http://{HOST}:{aws_port}"
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "canned",
        "AWS_SECRET_ACCESS_KEY": "canned",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "WORKER_QUEUE_URL": f"{endpoint}/000000000000/jobs",
        "WORKER_TABLE": "jobs",
        "REDIS_ENDPOINT": HOST,
        "REDIS_PORT": str(redis_port),
        "REDIS_TLS": "false",
    }


async def _serve(port: int, directory: Path) -> None:
    aws = _Aws(directory)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(aws), HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
