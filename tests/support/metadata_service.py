"""The metadata service of EC2, on a thread of its own: late, hanging, or working.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ROLE = "worker"
_PATH = "/latest/meta-data/iam/security-credentials/"


class MetadataService:
    """Has a role's credentials once `has_role`; answers nothing until `answers` is set."""

    def __init__(self) -> None:
        self.has_role = False
        self.ends_at = datetime.now(UTC) + timedelta(hours=6)  # of the credentials
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0  # how often for the role
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """The variables of a process that has no other credentials."""
        return {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url,
        }

    @contextmanager
    def running(self) -> Iterator[MetadataService]:
        thread = threading.Thread(target=self._server.serve_forever, name="metadata service")
        thread.start()
        try:
            yield self
        finally:
            self.answers.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _answer(self, path: str) -> tuple[int, str]:
        if path == "/latest/api/token":
            return 200, "a token"
        self.asked += path == _PATH
        if not self.has_role or not path.startswith(_PATH):
            return 404, "not found"
        if path == _PATH:
            return 200, _ROLE
        credentials = {
            "Code": "Success",
            "AccessKeyId": "ASIATEST",
            "SecretAccessKey": "test",
            "Token": "test",
            "Expiration": self.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return 200, json.dumps(credentials)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.answers.wait()
                status, text = service._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_PUT = do_GET  # noqa: N815 - named by the base class

            def log_message(self, *_: object) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # the worker had given up
                    self.close_connection = True

        return Handler
