"""What SqsQueue and SqsSender say to SQS, and how they take its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aioboto3
import pytest

from tests.support.consuming import a_consumer
from tests.support.sqs import FIFO, QueueDepth, Sqs, a_delivery_from
from tests.support.waiting import wait_until
from worker.adapters.sqs.queue import SqsQueue, receive_limits
from worker.adapters.sqs.redrive import SqsDeadLetters
from worker.adapters.sqs.sender import SqsSender
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Reject
from worker.domain.errors import DependencyUnavailableError, InvalidMessageError
from worker.ports import Delivery, ReceiptExpiredError


async def test_attributes_and_the_trace_header_come_along(sqs: Sqs) -> None:
    url = await sqs.made()
    await sqs.client.send_message(
        QueueUrl=url,
        MessageBody="{}",
        MessageAttributes={
            "traceparent": {"DataType": "String", "StringValue": "00-1-2-01"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00"},
        },
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2"}},
    )

    delivery = await a_delivery_from(sqs.queue(url))

    assert delivery.attributes == {"traceparent": "00-1-2-01", "AWSTraceHeader": "Root=1-2"}


async def test_the_lease_is_asked_for_by_the_receive_whatever_the_queue_says(sqs: Sqs) -> None:
    url = await sqs.made("queue", {"VisibilityTimeout": "0"})
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)

    await a_delivery_from(queue)

    assert list(await queue.receive(1)) == []


async def test_twenty_acks_at_once_are_two_calls(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(20):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url, linger_seconds=5)
    deliveries = [*await queue.receive(10), *await queue.receive(10)]

    await asyncio.gather(*(queue.ack(delivery) for delivery in deliveries))

    assert len(deliveries) == 20
    assert sqs.counted.calls["delete_message_batch"] == 2
    assert await sqs.depth(url) == QueueDepth(0, 0)


async def test_a_single_ack_does_not_wait_for_others(sqs: Sqs) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    async with asyncio.timeout(10):
        await queue.ack(delivery)


async def test_each_ack_of_a_batch_gets_the_result_of_its_own_entry(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(4):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url)
    deliveries = await queue.receive(4)
    assert len(deliveries) == 4
    sqs.counted.answers["delete_message_batch"] = [
        {
            "Successful": [{"Id": "2"}],
            "Failed": [
                {"Id": "1", "Code": "InternalError", "SenderFault": False},
                {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True},
            ],
        }
    ]

    results = await asyncio.gather(*(queue.ack(delivery) for delivery in deliveries), return_exceptions=True)

    assert isinstance(results[0], ReceiptExpiredError)
    assert isinstance(results[1], DependencyUnavailableError)
    assert results[2] is None
    assert isinstance(results[3], DependencyUnavailableError)  # the answer does not speak of it


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ReceiptHandleIsInvalid", ReceiptExpiredError),
        ("AWS.SimpleQueueService.MessageNotInflight", ReceiptExpiredError),
        ("InvalidParameterValue", ReceiptExpiredError),
        ("InternalError", DependencyUnavailableError),
        ("RequestThrottled", DependencyUnavailableError),
    ],
)
async def test_the_code_of_a_failed_entry_says_whether_the_handle_is_dead(
    sqs: Sqs, code: str, error: type[Exception]
) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)
    sqs.counted.answers["change_message_visibility_batch"] = [{"Failed": [{"Id": "0", "Code": code}]}]

    (result,) = await queue.extend([delivery], 60)

    assert isinstance(result, error)


async def test_an_absent_queue_is_a_dependency_that_failed(sqs: Sqs) -> None:
    url = await sqs.made()
    queue = sqs.queue(url + "-absent")

    with pytest.raises(DependencyUnavailableError, match="SQS has no queue at"):
        await queue.receive(1)


async def test_the_sender_counts_what_it_has_sent_and_what_has_failed_since(sqs: Sqs) -> None:
    url = await sqs.made()
    sender = SqsSender(sqs.client, url)
    await sender.send("{}")
    assert (sender.sent, sender.failures) == (1, 0)

    await sqs.client.delete_queue(QueueUrl=url)
    for _ in range(2):
        with pytest.raises(DependencyUnavailableError):
            await sender.send("{}")

    assert (sender.sent, sender.failures) == (1, 2)


async def test_a_port_on_which_nothing_listens_is_a_dependency_that_failed(unique: Callable[[str], str]) -> None:
    session = aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    async with session.client("sqs", endpoint_url="http://127.0.0.1:9", config=receive_limits(5).config()) as client:
        queue = SqsQueue(client, client, "http://127.0.0.1:9/1/absent", visibility_seconds=60)

        with pytest.raises(DependencyUnavailableError, match="SQS did not answer"):
            await queue.receive(1)
        with pytest.raises(DependencyUnavailableError):
            await queue.ack(Delivery("m", "h", "{}", 0, 1, 0.0))


async def test_the_sender_gives_a_message_of_a_standard_queue_the_tenant_that_is_asked_for_and_no_other_group(
    sqs: Sqs,
) -> None:
    url = await sqs.made()

    for group in (None, "tenant-7"):
        message_id = await SqsSender(sqs.client, url).send("{}", group_id=group, dedup_id="ep-1")

        message = await sqs.message(url)
        assert message["MessageId"] == message_id
        assert message["Attributes"].get("MessageGroupId") == group
        await sqs.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


async def test_a_rejected_message_of_a_tenant_is_one_of_the_tenants_dead_letters_and_comes_back_as_one(
    sqs: Sqs,
) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send("{}", group_id="tenant-7")
    queue = sqs.queue(url)
    (delivery,) = await queue.receive(1)
    assert delivery.group_id == "tenant-7"

    await queue.reject(delivery, Reject(InvalidMessageError("body", "is no JSON")))
    letters = SqsDeadLetters(sqs.client, url)
    (letter,) = await letters.receive()
    assert await letters.move_back([letter]) == [None]

    assert (await sqs.message(url))["Attributes"]["MessageGroupId"] == "tenant-7"
    assert (await sqs.depth(dead)).visible == 0


async def test_the_sender_gives_a_fifo_queue_group_and_deduplication(sqs: Sqs) -> None:
    url = await sqs.made("queue", FIFO)
    sender = SqsSender(sqs.client, url)

    await sender.send("{}", group_id="ep-1", dedup_id="ep-1")
    await sender.send("{}", group_id="ep-1", dedup_id="ep-1")

    message = await sqs.message(url)
    assert message["Attributes"]["MessageGroupId"] == "ep-1"
    assert (await sqs.depth(url)).visible == 0


async def test_a_message_that_the_queue_does_not_take_is_refused_and_counts_as_no_outage(sqs: Sqs) -> None:
    sender = SqsSender(sqs.client, await sqs.made("queue", {"MaximumMessageSize": "1024"}))

    with pytest.raises(InvalidMessageError, match="body: SQS does not take it") as caught:
        await sender.send("x" * 2000)
    await sender.send("x" * 1000)

    assert (caught.value.field, sender.failures, sender.sent) == ("body", 0, 1)


async def test_a_cancelled_ack_does_not_disturb_the_others_of_its_batch(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(2):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url, linger_seconds=0.2)
    first, second = await queue.receive(2)

    cancelled = asyncio.create_task(queue.ack(first))
    kept = asyncio.create_task(queue.ack(second))
    await asyncio.sleep(0)
    cancelled.cancel()
    await kept

    assert cancelled.cancelled()
    assert await sqs.depth(url) == QueueDepth(0, 0)


def test_a_long_poll_is_given_up_well_after_its_end_and_never_repeated() -> None:
    limits = receive_limits(5)

    assert limits.read_seconds > 5 + 5
    assert limits.attempts == 1


async def test_a_delivery_knows_when_the_queue_will_drop_its_message(sqs: Sqs) -> None:
    url = await sqs.made("queue", {"MessageRetentionPeriod": "3600"})
    for body in ("first", "second"):
        await SqsSender(sqs.client, url).send(body)
    queue = sqs.queue(url)

    for _ in range(2):
        delivery = await a_delivery_from(queue)
        assert delivery.expires_at_ms == delivery.sent_at_ms + 3_600_000

    assert sqs.counted.calls["get_queue_attributes"] == 1


async def test_a_queue_whose_retention_cannot_be_read_delays_no_message(sqs: Sqs) -> None:
    url = await sqs.made()
    for body in ("first", "second"):
        await SqsSender(sqs.client, url).send(body)
    queue = sqs.queue(url)
    sqs.counted.answers["get_queue_attributes"] = [{}]

    for _ in range(2):
        assert (await a_delivery_from(queue)).expires_at_ms is None

    assert sqs.counted.calls["get_queue_attributes"] == 1


async def test_a_receive_from_a_fifo_queue_brings_one_message_so_that_groups_share_the_slots(sqs: Sqs) -> None:
    url = await sqs.made("queue", FIFO)
    for body in ("a1", "a2", "b1"):
        await SqsSender(sqs.client, url).send(body, group_id=body[0])
    queue = sqs.queue(url)

    assert [delivery.body for delivery in await queue.receive(10)] == ["a1"]
    assert [delivery.body for delivery in await queue.receive(9)] == ["b1"]


class Instant:
    """Acknowledges whatever it is given, and counts."""

    handled = 0

    async def handle(self, _: Work) -> Disposition:
        self.handled += 1
        return Ack()


async def test_a_drain_flushes_the_deletes_that_were_gathered(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(7):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url, linger_seconds=2)
    handler = Instant()
    _, consumer = a_consumer(queue, handler, concurrency=10)
    time = asyncio.get_running_loop().time
    consuming = asyncio.create_task(consumer.run())
    await wait_until(lambda: handler.handled == 7)

    consumer.stop(jobs_until=time() + 20, settle_until=time() + 30)
    await consuming

    assert consumer.status().settled == {"ack": 7}
    assert await sqs.depth(url) == QueueDepth(0, 0)
