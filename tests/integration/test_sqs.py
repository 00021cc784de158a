"""What SqsQueue and SqsSender say to SQS, and how they take its answers."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aioboto3
import pytest

from tests.support.waiting import wait_until
from worker import __version__
from worker.adapters.aws import open_client
from worker.adapters.sqs import CONTROL_LIMITS, QueueDepth, SqsQueue, SqsSender, receive_limits
from worker.application.consumer import Consumer
from worker.application.lease import Lease, LeaseKeeper
from worker.domain.disposition import Ack, Disposition, Reject
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError, UnsupportedAudioError
from worker.ports import Delivery, ReceiptExpiredError

FIFO = {"FifoQueue": "true"}


class CountingClient:
    """A client that counts its calls, and whose next answers can be laid down beforehand."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()
        self.answers: dict[str, list[Mapping[str, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        async def call(**arguments: Any) -> Any:
            self.calls[name] += 1
            if self.answers.get(name):
                return self.answers[name].pop(0)
            return await getattr(self._client, name)(**arguments)

        return call


@dataclass
class Sqs:
    """A client to look with, and queues of the test's own."""

    client: Any
    counted: CountingClient
    unique: Callable[[str], str]

    async def made(self, kind: str = "queue", attributes: Mapping[str, str] | None = None) -> str:
        suffix = ".fifo" if attributes and "FifoQueue" in attributes else ""
        response = await self.client.create_queue(QueueName=self.unique(kind) + suffix, Attributes=attributes or {})
        return str(response["QueueUrl"])

    async def made_with_dead_letters(self, attributes: Mapping[str, str] | None = None) -> tuple[str, str]:
        dead = await self.made("dead", attributes)
        url = await self.made("queue", attributes)
        await self.redrive(url, dead)
        return url, dead

    async def redrive(self, url: str, dead: str) -> None:
        found = await self.client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = json.dumps({"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": 100})
        await self.client.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})

    def queue(self, url: str, *, linger_seconds: float = 0.02) -> SqsQueue:
        return SqsQueue(
            self.client,
            self.counted,
            url,
            visibility_seconds=60,
            wait_seconds=1,
            linger_seconds=linger_seconds,
            delete_linger_seconds=linger_seconds,
        )

    async def message(self, url: str) -> Mapping[str, Any]:
        response = await self.client.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
        (message,) = response["Messages"]
        return dict(message)


@pytest.fixture
async def sqs(aws_session: aioboto3.Session, unique: Callable[[str], str]) -> AsyncIterator[Sqs]:
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        yield Sqs(client, CountingClient(client), unique)


async def a_delivery_from(queue: SqsQueue) -> Delivery:
    (delivery,) = await queue.receive(1)
    return delivery


def strings(message: Mapping[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


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
    assert await queue.depth() == QueueDepth(0, 0, 0)


async def test_a_lonely_ack_does_not_wait_for_company(sqs: Sqs) -> None:
    url = await sqs.made()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    async with asyncio.timeout(2):
        await queue.ack(delivery)


async def test_each_ack_of_a_batch_hears_what_became_of_its_own_entry(sqs: Sqs) -> None:
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
    with pytest.raises(DependencyUnavailableError):
        await queue.depth()


async def test_nobody_listening_is_a_dependency_that_failed(unique: Callable[[str], str]) -> None:
    session = aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    async with session.client("sqs", endpoint_url="http://127.0.0.1:9", config=receive_limits(5).config()) as client:
        queue = SqsQueue(client, client, "http://127.0.0.1:9/1/absent", visibility_seconds=60)

        with pytest.raises(DependencyUnavailableError, match="SQS did not answer"):
            await queue.receive(1)
        with pytest.raises(DependencyUnavailableError):
            await queue.ack(Delivery("m", "h", "{}", 0, 1, 0.0))


async def test_a_rejected_message_says_why_in_its_attributes(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send('{"job_id": "ep-1"}')
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    await queue.reject(delivery, Reject(UnsupportedAudioError("the source is cut off"), "ep-1", 3))

    letter = await sqs.message(dead)
    assert letter["Body"] == '{"job_id": "ep-1"}'
    reasons = strings(letter)
    assert reasons.pop("rejected_at").endswith("Z")
    assert reasons == {
        "error_code": "unsupported_audio",
        "error": "the source is cut off",
        "job_id": "ep-1",
        "attempt": "3",
        "worker_version": __version__,
        "original_message_id": delivery.message_id,
    }


async def test_a_reason_that_sqs_would_refuse_is_made_acceptable(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    await queue.reject(delivery, Reject(ConverterCrashedError("\x00\x1b[31m\ud800" + "x" * 5000)))

    reasons = strings(await sqs.message(dead))
    assert reasons["error"].startswith("��[31m�xxx")
    assert len(reasons["error"]) == 1024
    assert "job_id" not in reasons
    assert "attempt" not in reasons


async def test_the_message_keeps_as_many_of_its_own_attributes_as_there_is_room_for(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await sqs.client.send_message(
        QueueUrl=url,
        MessageBody="{}",
        MessageAttributes={f"own-{n}": {"DataType": "String", "StringValue": str(n)} for n in range(10)},
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2"}},
    )
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    await queue.reject(delivery, Reject(UnsupportedAudioError("no"), "ep-1", 1))

    letter = await sqs.message(dead)
    reasons = strings(letter)
    assert len(reasons) == 10
    assert sum(name.startswith("own-") for name in reasons) == 3
    assert letter["Attributes"]["AWSTraceHeader"] == "Root=1-2"


@pytest.mark.parametrize("body_bytes", [1024, 1400, 1800, 1900, 1980, 2010, 2020, 2047, 2048])
async def test_a_message_that_fills_its_queue_is_rejected_with_what_there_is_room_for(
    sqs: Sqs, body_bytes: int
) -> None:
    url, dead = await sqs.made_with_dead_letters({"MaximumMessageSize": "2048"})
    body = "ü" * (body_bytes // 2) + "x" * (body_bytes % 2)
    own = {"own": {"DataType": "String", "StringValue": "ö" * 200}}
    await sqs.client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=own)
    queue = sqs.queue(url)

    await queue.reject(await a_delivery_from(queue), Reject(UnsupportedAudioError("ä" * 500), "ep-1", 3))

    letter = await sqs.message(dead)
    reasons = strings(letter) if "MessageAttributes" in letter else {}
    size = sum(len((name + "String" + value).encode()) for name, value in reasons.items())
    assert letter["Body"] == body
    assert body_bytes + size <= 2048
    assert ("error_code" in reasons) == (body_bytes <= 2010)
    is_cut = 0 < len(reasons.get("error", "")) < 500
    assert not is_cut or body_bytes + size >= 2047


async def test_a_fifo_queue_rejects_to_a_fifo_queue_in_the_same_group(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters(FIFO)
    await SqsSender(sqs.client, url).send("{}", group_id="ep-1")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)
    assert delivery.group_id == "ep-1"

    await queue.reject(delivery, Reject(UnsupportedAudioError("no"), "ep-1", 1))

    assert (await sqs.message(dead))["Attributes"]["MessageGroupId"] == "ep-1"


async def test_the_dead_letter_queue_is_looked_up_once(sqs: Sqs) -> None:
    url, _ = await sqs.made_with_dead_letters()
    queue = sqs.queue(url)
    for number in range(3):
        await SqsSender(sqs.client, url).send(str(number))
        await queue.reject(await a_delivery_from(queue), Reject(UnsupportedAudioError("no")))

    assert sqs.counted.calls["get_queue_attributes"] == 1
    assert sqs.counted.calls["send_message"] == 3


async def test_a_dead_letter_queue_that_was_replaced_is_found_after_the_first_failure(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    queue = sqs.queue(url)
    for body in ("first", "second"):
        await SqsSender(sqs.client, url).send(body)
    await queue.reject(await a_delivery_from(queue), Reject(UnsupportedAudioError("no")))
    await sqs.client.delete_queue(QueueUrl=dead)
    other = await sqs.made("other")
    await sqs.redrive(url, other)
    delivery = await a_delivery_from(queue)

    with pytest.raises(DependencyUnavailableError):
        await queue.reject(delivery, Reject(UnsupportedAudioError("no")))
    await queue.reject(delivery, Reject(UnsupportedAudioError("no")))

    assert (await sqs.message(other))["Body"] == "second"


async def test_a_copy_that_fails_leaves_the_message_on_the_queue(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await sqs.client.delete_queue(QueueUrl=dead)
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)

    with pytest.raises(DependencyUnavailableError):
        await queue.reject(delivery, Reject(UnsupportedAudioError("no")))

    assert (await queue.depth()).in_flight == 1


async def test_the_sender_gives_a_standard_queue_no_group(sqs: Sqs) -> None:
    url = await sqs.made()

    message_id = await SqsSender(sqs.client, url).send("{}", group_id="ep-1", dedup_id="ep-1")

    message = await sqs.message(url)
    assert message["MessageId"] == message_id
    assert "MessageGroupId" not in message["Attributes"]


async def test_the_sender_gives_a_fifo_queue_group_and_deduplication(sqs: Sqs) -> None:
    url = await sqs.made("queue", FIFO)
    sender = SqsSender(sqs.client, url)

    await sender.send("{}", group_id="ep-1", dedup_id="ep-1")
    await sender.send("{}", group_id="ep-1", dedup_id="ep-1")

    message = await sqs.message(url)
    assert message["Attributes"]["MessageGroupId"] == "ep-1"
    assert (await sqs.queue(url).depth()).visible == 0


async def test_the_depth_tells_what_waits_from_what_is_in_flight(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(3):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url)
    await queue.receive(1)

    assert await queue.depth() == QueueDepth(visible=2, in_flight=1, delayed=0)


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
    assert await queue.depth() == QueueDepth(0, 0, 0)


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


async def test_a_queue_that_does_not_tell_its_retention_holds_up_no_message(sqs: Sqs) -> None:
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

    async def handle(self, _: Lease) -> Disposition:
        self.handled += 1
        return Ack()


async def test_a_drain_flushes_the_deletes_that_were_gathered(sqs: Sqs) -> None:
    url = await sqs.made()
    for number in range(7):
        await SqsSender(sqs.client, url).send(str(number))
    queue = sqs.queue(url, linger_seconds=2)
    keeper = LeaseKeeper(queue, lease_seconds=60, random=random.random)
    handler = Instant()
    consumer = Consumer(queue, handler, keeper, concurrency=10, lease_seconds=60, random=random.random)
    time = asyncio.get_running_loop().time
    consuming = asyncio.create_task(consumer.run())
    await wait_until(lambda: handler.handled == 7)

    consumer.stop(jobs_until=time() + 20, settle_until=time() + 30)
    await consuming

    assert consumer.status().settled == {"ack": 7}
    assert await queue.depth() == QueueDepth(0, 0, 0)
