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


@pytest.mark.parametrize("tail", ["?x=1", "#part", "/?x=1", "?", "#", ";x", "%20", "/"])
def test_a_url_that_does_not_end_with_a_queues_name_is_refused(tail: str) -> None:
    for urls in (f"{A_QUEUE}a.fifo{tail}", f"{A_QUEUE}b,{A_QUEUE}a.fifo{tail}"):
        with pytest.raises(ConfigurationError, match="WORKER_QUEUE_URL: must be a queue's URL"):
            load({"WORKER_TABLE": "t", "WORKER_QUEUE_URL": urls, "AWS_REGION": "eu-west-1"}, needs=SUBMIT)


@pytest.mark.parametrize(
    "url",
    [
        f"{A_QUEUE}Jobs_1-a.fifo",
        "http://localhost:9324/queue/jobs.dev",
        "http://localhost:9324/jobs",
        "http://[::1]:4566/000000000000/jobs",
    ],
)
def test_urls_of_aws_and_of_emulators_are_taken(url: str) -> None:
    settings = load({"WORKER_TABLE": "t", "WORKER_QUEUE_URL": url, "AWS_REGION": "eu-west-1"}, needs=SUBMIT)

    assert settings.queue_urls == (url,)


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
