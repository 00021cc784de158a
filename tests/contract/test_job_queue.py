"""What every JobQueue does: the one in memory, and SQS as moto and, where it is installed, ministack emulate it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3
import pytest

from tests.fakes.queue import FakeQueue
from tests.support import ministack
from tests.support.aws import aws_environment
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.sqs.queue import SqsQueue
from worker.adapters.sqs.sender import SqsSender
from worker.demo.servers import HOST
from worker.domain.disposition import Reject
from worker.domain.errors import UnsupportedAudioError
from worker.ports import Delivery, JobQueue, ReceiptExpiredError

LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=1, connections=4)
REJECTION = Reject(UnsupportedAudioError("the source is cut off"), "ep-1", 2)

_MINISTACK = ministack.interpreter()  # None where it is not installed (tests/README.md says how)
Send = Callable[[str], Awaitable[object]]


@dataclass
class Subject:
    """A queue under test, and the producer's side of it."""

    queue: JobQueue
    send: Send
    dead_letters: Callable[[], Awaitable[list[str]]]  # their bodies
    without_dead_letters: JobQueue
    send_without: Send
    fifo: JobQueue
    send_to_group: Callable[[str, str], Awaitable[object]]  # body, group id


@pytest.fixture(scope="session")
def ministack_endpoint() -> Iterator[str]:
    """A second emulator of SQS, so that no code depends on a bug of one of them."""
    assert _MINISTACK is not None
    with ministack.ministack(_MINISTACK) as server:
        yield f"http://{HOST}:{server.port}"


@pytest.fixture(params=["fake", "moto", *(["ministack"] if _MINISTACK else [])])
async def subject(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, unique: Callable[[str], str]
) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield a_fake_subject()
        return
    endpoint: str = request.getfixturevalue("aws_endpoint" if request.param == "moto" else "ministack_endpoint")
    for name, value in aws_environment(endpoint).items():
        monkeypatch.setenv(name, value)
    async with an_sqs_subject(unique) as subject:
        yield subject


def a_fake_subject() -> Subject:
    queue, other = FakeQueue(wait_seconds=1), FakeQueue(wait_seconds=1, has_dead_letter_queue=False)
    fifo = FakeQueue(wait_seconds=1)

    async def send_to_group(body: str, group_id: str) -> None:
        fifo.send(body, group_id=group_id)

    async def dead_letters() -> list[str]:
        return [letter.body for letter in queue.dead_letters]

    return Subject(queue, sends_to(queue), dead_letters, other, sends_to(other), fifo, send_to_group)


@asynccontextmanager
async def an_sqs_subject(unique: Callable[[str], str]) -> AsyncIterator[Subject]:
    session = aioboto3.Session()
    async with open_client(session, "sqs", LIMITS) as polls, open_client(session, "sqs", LIMITS) as control:
        dead = await made(control, unique("dead"), {})
        arn = (await control.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"]))["Attributes"][
            "QueueArn"
        ]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 100})
        url = await made(control, unique("queue"), {"RedrivePolicy": policy})
        bare = await made(control, unique("bare"), {})

        def queue_at(url: str) -> SqsQueue:
            return SqsQueue(
                polls,
                control,
                url,
                visibility_seconds=60,
                wait_seconds=1,
                linger_seconds=0.02,
                delete_linger_seconds=0.02,
            )

        def send_to(url: str) -> Send:
            return lambda body: control.send_message(QueueUrl=url, MessageBody=body)

        fifo_url = await made(control, unique("groups") + ".fifo", {"FifoQueue": "true"})

        async def send_to_group(body: str, group_id: str) -> None:
            await SqsSender(control, fifo_url).send(body, group_id=group_id)

        async def dead_letters() -> list[str]:
            answer = await control.receive_message(QueueUrl=dead, MaxNumberOfMessages=10)
            return [message.get("Body", "") for message in answer.get("Messages", ())]

        bare_queue, fifo_queue = queue_at(bare), queue_at(fifo_url)
        yield Subject(queue_at(url), send_to(url), dead_letters, bare_queue, send_to(bare), fifo_queue, send_to_group)


def sends_to(queue: FakeQueue) -> Send:
    async def send(body: str) -> str:
        return queue.send(body)

    return send


async def made(client: Any, name: str, attributes: Mapping[str, str]) -> str:
    url: str = (await client.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
    return url


async def received(queue: JobQueue) -> Delivery:
    """The next delivery, however many polls it takes."""
    while not (deliveries := await queue.receive(1)):
        pass
    return deliveries[0]


async def test_a_delivery_carries_the_body_and_counts_its_receives(subject: Subject) -> None:
    before = asyncio.get_running_loop().time()
    await subject.send('{"job_id": "Пример"}')

    delivery = await received(subject.queue)

    assert delivery.body == '{"job_id": "Пример"}'
    assert delivery.receive_count == 1
    assert delivery.sent_at_ms > 1_700_000_000_000
    assert before <= delivery.received_at <= asyncio.get_running_loop().time()
    assert delivery.group_id is None


async def test_a_receive_brings_no_more_than_was_asked_for_and_never_more_than_ten(subject: Subject) -> None:
    for number in range(14):
        await subject.send(str(number))

    few = await subject.queue.receive(3)
    rest = await subject.queue.receive(100)

    assert len(few) == 3
    assert len(rest) == 10
    assert len({delivery.message_id for delivery in [*few, *rest]}) == 13
    assert await subject.queue.depth() == 1  # what waits, and not what is in flight


@pytest.mark.parametrize("is_long", [True, False])
async def test_a_receive_of_an_empty_queue_brings_nothing_and_waits_if_long(subject: Subject, is_long: bool) -> None:
    began = asyncio.get_running_loop().time()

    assert list(await subject.queue.receive(10, is_long=is_long)) == []

    assert (asyncio.get_running_loop().time() - began >= 0.9) is is_long


async def test_a_message_that_is_given_back_comes_again_with_a_higher_fence(subject: Subject) -> None:
    await subject.send("{}")
    first = await received(subject.queue)

    await subject.queue.change_visibility(first, 0)
    second = await received(subject.queue)

    assert second.message_id == first.message_id
    assert second.receive_count == 2
    assert second.fence > first.fence


async def test_a_message_that_is_hidden_comes_back_after_its_delay(subject: Subject) -> None:
    await subject.send("{}")
    first = await received(subject.queue)

    await subject.queue.change_visibility(first, 2)

    assert list(await subject.queue.receive(1)) == []
    await received(subject.queue)


async def test_an_acknowledged_message_is_gone(subject: Subject) -> None:
    await subject.send("{}")
    delivery = await received(subject.queue)

    await subject.queue.ack(delivery)

    assert list(await subject.queue.receive(1)) == []


async def test_acknowledging_twice_is_no_error(subject: Subject, request: pytest.FixtureRequest) -> None:
    if "ministack" in request.node.name:  # it forgets the handle with the message; AWS does not (getmoto/moto#4655)
        request.applymarker(pytest.mark.xfail(raises=ReceiptExpiredError, strict=True))
    await subject.send("{}")
    delivery = await received(subject.queue)

    await subject.queue.ack(delivery)
    await subject.queue.ack(delivery)


async def test_many_acknowledged_at_once_are_all_gone(subject: Subject) -> None:
    for number in range(12):
        await subject.send(str(number))
    deliveries = [*await subject.queue.receive(10), *await subject.queue.receive(10)]

    await asyncio.gather(*(subject.queue.ack(delivery) for delivery in deliveries))

    assert len(deliveries) == 12
    assert list(await subject.queue.receive(1)) == []


async def test_extending_answers_for_each_delivery_in_its_place(subject: Subject) -> None:
    for number in range(3):
        await subject.send(str(number))
    deliveries = list(await subject.queue.receive(3))
    await subject.queue.ack(deliveries[1])

    results = await subject.queue.extend(deliveries, 30)

    assert results[0] is None
    assert isinstance(results[1], ReceiptExpiredError)
    assert results[2] is None


async def test_a_deleted_message_cannot_be_hidden(subject: Subject) -> None:
    await subject.send("{}")
    delivery = await received(subject.queue)
    await subject.queue.ack(delivery)

    with pytest.raises(ReceiptExpiredError):
        await subject.queue.change_visibility(delivery, 5)


async def test_a_rejected_message_leaves_the_queue_for_the_dead_letter_queue(subject: Subject) -> None:
    await subject.send("a body")
    delivery = await received(subject.queue)

    assert await subject.queue.reject(delivery, REJECTION) is True

    assert list(await subject.queue.receive(1)) == []
    assert await subject.dead_letters() == ["a body"]


async def test_without_a_dead_letter_queue_a_rejected_message_is_deleted_and_that_is_said(subject: Subject) -> None:
    await subject.send_without("{}")
    delivery = await received(subject.without_dead_letters)

    assert await subject.without_dead_letters.reject(delivery, REJECTION) is False

    assert list(await subject.without_dead_letters.receive(1)) == []


# --- message groups ------------------------------------------------------------------------------------------------


async def in_hand(queue: JobQueue, most: int) -> list[Delivery]:
    """What a worker with `most` slots ends up with."""
    deliveries: list[Delivery] = []
    while len(deliveries) < most and (more := await queue.receive(most - len(deliveries))):
        deliveries += more
    return deliveries


async def test_of_each_group_one_message_is_handed_out_in_order_and_groups_side_by_side(subject: Subject) -> None:
    for body in ("a1", "a2", "a3", "b1", "b2"):
        await subject.send_to_group(body, body[0])

    first = await in_hand(subject.fifo, 5)
    assert [delivery.body for delivery in first] == ["a1", "b1"]
    assert [delivery.group_id for delivery in first] == ["a", "b"]

    await subject.fifo.ack(first[0])
    assert [delivery.body for delivery in await in_hand(subject.fifo, 5)] == ["a2"]


async def test_a_message_that_waits_for_a_retry_is_not_overtaken_by_its_group(subject: Subject) -> None:
    for body in ("a1", "a2"):
        await subject.send_to_group(body, "a")
    (first,) = await in_hand(subject.fifo, 1)

    await subject.fifo.change_visibility(first, 2)

    assert list(await subject.fifo.receive(5)) == []
    assert (await received(subject.fifo)).body == "a1"
    assert list(await subject.fifo.receive(5)) == []
