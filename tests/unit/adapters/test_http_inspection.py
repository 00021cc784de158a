"""Who has the port that the worker is to have."""

from __future__ import annotations

import pytest

from tests.support.odd_server import answering
from worker.adapters.http import CannotListenError
from worker.adapters.http.inspection import inspect_address


def test_another_program_that_answers_with_json_without_end_is_no_worker() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 20_000) as port, pytest.raises(CannotListenError):
        inspect_address("127.0.0.1", port)
