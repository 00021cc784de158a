"""Rights on the queue that the role lacks are named at the start, before a job needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess


@pytest.mark.parametrize(
    ("actions", "right"),
    [
        (("DeleteMessage", "DeleteMessageBatch"), "sqs:DeleteMessage"),
        (("ReceiveMessage",), "sqs:ReceiveMessage"),
    ],
)
def test_a_right_that_the_role_lacks_is_named_at_the_start(
    actions: tuple[str, ...], right: str, stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    with FaultProxy(stack.endpoint).running() as proxy:
        proxy.refuse(calls_of(*actions), 403, "AccessDenied")
        process = start_worker(replace(stack, endpoint=proxy.url))

        line = process.wait_for("check.failed", check="queue")

        assert line["level"] == "error"
        assert right in line["error"]
        process.close()
