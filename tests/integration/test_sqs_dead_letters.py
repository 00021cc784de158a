"""Where a rejected message goes, and what its copy says."""

from __future__ import annotations

import aioboto3
import pytest
from aiohttp import web

from tests.support.aws_calls import calls_of
from tests.support.fault_proxy import FaultProxy
from tests.support.sqs import FIFO, QueueDepth, Sqs, a_delivery_from, strings
from worker import __version__
from worker.adapters.aws.client import open_client
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.adapters.sqs.redrive import SqsDeadLetters
from worker.adapters.sqs.sender import SqsSender
from worker.domain.disposition import Reject
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError, UnsupportedAudioError


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

    assert (await sqs.depth(url)).in_flight == 1


async def test_a_dead_letter_that_comes_back_says_in_which_run_it_was_rejected(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    for run in (1, 2, 3):
        delivery = await a_delivery_from(queue)
        assert delivery.rejected_run == (None if run == 1 else run - 1)
        await queue.reject(delivery, Reject(UnsupportedAudioError("cut off"), "ep-1", 1, run))

        letter = await sqs.message(dead)
        await sqs.client.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=letter["MessageAttributes"])


async def test_a_message_with_attributes_of_its_own_is_no_dead_letter(sqs: Sqs) -> None:
    url, _ = await sqs.made_with_dead_letters()
    own = {"job_id": "ep-1", "run": "7", "error_code": "none"}
    await SqsSender(sqs.client, url).send("{}", attributes=own)

    assert (await a_delivery_from(sqs.queue(url))).rejected_run is None


async def test_a_message_whose_delete_fails_is_copied_once(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await SqsSender(sqs.client, url).send("{}")
    queue = sqs.queue(url)
    delivery = await a_delivery_from(queue)
    failure = {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}
    sqs.counted.answers["delete_message_batch"] = [failure, failure]
    reject = Reject(UnsupportedAudioError("no audio"))

    for _ in range(2):
        with pytest.raises(DependencyUnavailableError):
            await queue.reject(delivery, reject)
    assert await queue.reject(delivery, reject)

    assert (await sqs.depth(dead)).visible == 1
    assert await queue.reject(delivery, reject)  # rejected once more, after it was deleted
    assert (await sqs.depth(dead)).visible == 2


async def test_a_letter_whose_deletion_is_answered_as_sqs_does_with_an_empty_body_is_moved_back(
    sqs: Sqs, aws_endpoint: str, aws_session: aioboto3.Session
) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await sqs.client.send_message(QueueUrl=dead, MessageBody="{}")
    with FaultProxy(aws_endpoint).running() as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.answer(calls_of("DeleteMessage"), lambda _: web.Response(), is_applied=True)
        async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
            letters = SqsDeadLetters(client, url)

            assert list(await letters.move_back(await letters.receive())) == [None]

    assert await sqs.depth(url) == QueueDepth(1, 0)
    assert await sqs.depth(dead) == QueueDepth(0, 0)
