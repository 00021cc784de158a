"""What every dead-letter queue does for a redrive: the fake's, and that of SQS as moto emulates it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.fakes.operations import FakeDeadLetters
from tests.fakes.queue import DeadLetter as Letter
from tests.fakes.queue import FakeQueue
from tests.support.sqs import FIFO, Sqs, a_delivery_from
from worker.adapters.sqs.redrive import SqsDeadLetters
from worker.adapters.sqs.sender import SqsSender
from worker.application.operations.redrive import Redrive
from worker.domain.disposition import Reject
from worker.domain.errors import DependencyUnavailableError, ErrorCode, JobError, NoAudioError, SourceNotFoundError
from worker.ports import DeadLetterQueue, Delivery, DependencyMissingError, JobQueue

Do = Callable[[str], Awaitable[None]]


@dataclass
class Subject:
    """A queue with its dead-letter queue."""

    queue: JobQueue
    letters: DeadLetterQueue
    send: Do
    add_foreign: Do  # as if SQS itself had moved it there

    async def rejected(self, body: str, error: JobError, run: int = 1) -> None:
        await self.send(body)
        (delivery,) = await self.queue.receive(1)
        await self.queue.reject(delivery, Reject(error, body, 1, run))

    async def deliveries(self) -> list[Delivery]:
        found: list[Delivery] = []
        while more := await self.queue.receive(10):
            found += more
        return sorted(found, key=lambda delivery: delivery.body)


def a_fake_subject() -> Subject:
    queue = FakeQueue(wait_seconds=0.1)

    async def send(body: str) -> None:
        queue.send(body)

    async def add_foreign(body: str) -> None:
        queue.dead_letters.append(Letter("foreign", body, None))

    return Subject(queue, FakeDeadLetters(queue), send, add_foreign)


@pytest.fixture
async def sqs_subject(sqs: Sqs) -> Subject:
    url, dead = await sqs.made_with_dead_letters()

    async def send(body: str) -> None:
        await SqsSender(sqs.client, url).send(body, attributes={"own": "ö"})

    async def add_foreign(body: str) -> None:
        await sqs.client.send_message(QueueUrl=dead, MessageBody=body)

    return Subject(sqs.queue(url), SqsDeadLetters(sqs.client, url), send, add_foreign)


@pytest.fixture(params=["fake", "moto"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = a_fake_subject() if request.param == "fake" else request.getfixturevalue("sqs_subject")
    return found


async def test_a_letter_says_why_it_was_rejected_and_is_hidden_from_others(subject: Subject) -> None:
    await subject.rejected("ep-1", NoAudioError())
    assert await subject.letters.count() == 1

    (letter,) = await subject.letters.receive()

    assert (letter.error_code, letter.job_id, letter.error) == (ErrorCode.NO_AUDIO, "ep-1", str(NoAudioError()))
    assert list(await subject.letters.receive()) == []
    assert await subject.letters.count() == 1
    await subject.letters.leave([letter])
    assert [each.message_id for each in await subject.letters.receive()] == [letter.message_id]


async def test_a_letter_that_is_moved_back_is_known_as_one(subject: Subject) -> None:
    await subject.rejected("ep-1", NoAudioError(), run=3)

    assert list(await subject.letters.move_back(await subject.letters.receive())) == [None]

    (delivery,) = await subject.deliveries()
    assert (delivery.body, delivery.rejected_run, delivery.receive_count) == ("ep-1", 3, 1)
    assert await subject.letters.count() == 0


async def test_a_redrive_moves_all_letters_of_workers_and_no_others(subject: Subject) -> None:
    for number in range(12):
        await subject.rejected(f"ep-{number:02}", NoAudioError())
    await subject.add_foreign("foreign")
    named: list[str | None] = []

    done = await Redrive(subject.letters).run(on_letter=lambda letter: named.append(letter.job_id))

    assert (done.moved, done.left, done.foreign) == (12, 0, 1)
    assert sorted(map(str, named)) == [f"ep-{number:02}" for number in range(12)]
    assert [delivery.body for delivery in await subject.deliveries()] == sorted(map(str, named))
    assert [letter.error_code for letter in await subject.letters.receive()] == [None]


async def test_a_redrive_of_one_code_leaves_the_others_for_everybody_to_see(subject: Subject) -> None:
    await subject.rejected("ep-1", NoAudioError())
    await subject.rejected("ep-2", SourceNotFoundError("s3://in/a.wav"))
    await subject.rejected("ep-3", NoAudioError())

    done = await Redrive(subject.letters).run(code="source_not_found")

    assert (done.moved, done.left, done.foreign) == (1, 2, 0)
    assert [delivery.body for delivery in await subject.deliveries()] == ["ep-2"]
    assert {letter.job_id for letter in await subject.letters.receive()} == {"ep-1", "ep-3"}


async def test_a_redrive_moves_the_letters_of_all_runs_of_a_job(subject: Subject) -> None:
    """That of an earlier run begins nothing, and may be received first."""
    await subject.rejected("ep-1", NoAudioError(), run=1)
    await subject.rejected("ep-1", NoAudioError(), run=2)

    done = await Redrive(subject.letters).run()

    assert (done.moved, done.left) == (2, 0)
    assert {delivery.rejected_run for delivery in await subject.deliveries()} == {1, 2}


async def test_a_redrive_ends_at_its_limit(subject: Subject) -> None:
    for number in range(5):
        await subject.rejected(f"ep-{number}", NoAudioError())

    done = await Redrive(subject.letters).run(limit=2)

    assert (done.moved, done.left) == (2, 3)
    assert len(await subject.deliveries()) == 2
    assert len(await subject.letters.receive()) == 3


async def test_a_dry_redrive_names_what_it_would_move_and_moves_nothing(subject: Subject) -> None:
    await subject.rejected("ep-1", NoAudioError())
    await subject.rejected("ep-2", SourceNotFoundError("s3://in/a.wav"))
    named: list[str | None] = []

    done = await Redrive(subject.letters).run(
        code="no_audio", is_dry=True, on_letter=lambda letter: named.append(letter.job_id)
    )

    assert (done.moved, done.left, named) == (1, 1, ["ep-1"])
    assert await subject.deliveries() == []
    assert {letter.job_id for letter in await subject.letters.receive()} == {"ep-1", "ep-2"}


async def test_a_queue_without_a_dead_letter_queue_says_so(sqs: Sqs) -> None:
    bare = await sqs.made()
    for letters in (SqsDeadLetters(sqs.client, bare), FakeDeadLetters(FakeQueue(has_dead_letter_queue=False))):
        with pytest.raises(DependencyMissingError, match="a dead-letter queue of WORKER_QUEUE_URL does not exist"):
            await letters.count()


async def test_a_queue_that_does_not_exist_is_named(sqs: Sqs) -> None:
    url, dead = await sqs.made_with_dead_letters()
    await sqs.client.delete_queue(QueueUrl=dead)
    with pytest.raises(
        DependencyMissingError, match=f"the dead-letter queue {dead.rpartition('/')[2]} does not exist"
    ):
        await SqsDeadLetters(sqs.client, url).count()

    await sqs.client.delete_queue(QueueUrl=url)
    with pytest.raises(DependencyUnavailableError, match=f"SQS has no queue at {url}"):
        await SqsDeadLetters(sqs.client, url).count()


async def test_letters_of_a_fifo_queue_keep_their_order_and_their_groups(sqs: Sqs) -> None:
    url, _ = await sqs.made_with_dead_letters(FIFO)
    queue = sqs.queue(url)
    for number in range(3):
        await SqsSender(sqs.client, url).send(f"ep-{number}", group_id="podcasts")
        await queue.reject(await a_delivery_from(queue), Reject(NoAudioError(), f"ep-{number}", 1))

    done = await Redrive(SqsDeadLetters(sqs.client, url)).run()

    assert done.moved == 3
    for number in range(3):
        delivery = await a_delivery_from(queue)
        assert (delivery.body, delivery.group_id, delivery.rejected_run) == (f"ep-{number}", "podcasts", 1)
        await queue.ack(delivery)
