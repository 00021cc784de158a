"""WORKER_QUEUE_URL may name several queues."""

from __future__ import annotations

import pytest

from worker.settings import SUBMIT, ConfigurationError, load

A_QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/"


def test_up_to_three_queues_are_named_with_the_most_urgent_first() -> None:
    urls = [f"{A_QUEUE}{name}" for name in ("urgent", "usual", "bulk")]

    settings = load(
        {"WORKER_TABLE": "t", "WORKER_QUEUE_URL": f"{urls[0]}, {urls[1]},{urls[2]}", "AWS_REGION": "eu-west-1"},
        needs=SUBMIT,
    )

    assert settings.queue_urls == tuple(urls)


def test_a_queue_that_is_named_twice_a_fourth_one_and_one_of_another_region_are_refused() -> None:
    a, b, c, d = (f"{A_QUEUE}{name}" for name in "abcd")
    elsewhere = b.replace("eu-west-1", "us-east-1")
    for value, problem in (
        (f"{a},{b},{a}", "WORKER_QUEUE_URL: names a queue twice"),
        (f"{a},{b},{c},{d}", "WORKER_QUEUE_URL: must be a queue's URL"),
        (f"{a},,{b}", "WORKER_QUEUE_URL: must be a queue's URL"),
        (f"{a},{elsewhere}", "AWS_REGION: is eu-west-1, but WORKER_QUEUE_URL is in us-east-1"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load({"WORKER_TABLE": "t", "WORKER_QUEUE_URL": value, "AWS_REGION": "eu-west-1"}, needs=SUBMIT)
        assert problem in str(caught.value)
