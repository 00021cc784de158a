"""The dead-letter queue as `worker redrive` uses it: letters are received, and moved back or left."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.adapters.aws.client import DENIED, ErrorTable, translated
from worker.adapters.sqs.attributes import QueueAttributes, is_fifo, queue_url_of
from worker.adapters.sqs.dead_letters import TRACE, is_dead_letter, string_attribute
from worker.adapters.sqs.refusals import NO_QUEUE, unusable_key
from worker.domain.errors import WorkerError
from worker.ports import MAX_BATCH_ENTRIES, DeadLetter, DependencyMissingError, NotAllowedError

_SQS = "SQS"
_SENT_AT = "SentTimestamp"  # milliseconds since 1970
_HIDDEN_SECONDS = 120
_WAIT_SECONDS = 2  # above 0 SQS asks all of its servers, so that an empty answer means an empty queue


class SqsDeadLetters:
    """A `DeadLetterQueue`: the one that the redrive policy of the queue at `queue_url` names."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._is_fifo = is_fifo(queue_url)
        self._attributes = QueueAttributes(client, queue_url)
        self._url: str | None = None

    async def count(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = await self._dead_letter_url()
        with translated(_SQS, _denied("sqs:GetQueueAttributes on the dead-letter queue")):
            response = await self._client.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(response["Attributes"][name]) for name in names)

    async def receive(self) -> Sequence[DeadLetter]:
        url = await self._dead_letter_url()
        with translated(_SQS, _denied("sqs:ReceiveMessage on the dead-letter queue")):
            response = await self._client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=MAX_BATCH_ENTRIES,
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageSystemAttributeNames=["MessageGroupId", _SENT_AT, TRACE],
                MessageAttributeNames=["All"],
            )
        return [self._letter(message) for message in response.get("Messages", ())]

    async def move_back(self, letters: Sequence[DeadLetter]) -> Sequence[WorkerError | None]:
        if self._is_fifo:  # in their order
            return [await self._moved(letter) for letter in letters]
        return await asyncio.gather(*(self._moved(letter) for letter in letters))

    async def leave(self, letters: Sequence[DeadLetter]) -> None:
        url = await self._dead_letter_url()
        for start in range(0, len(letters), MAX_BATCH_ENTRIES):
            entries = [
                {"Id": str(n), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                for n, letter in enumerate(letters[start : start + MAX_BATCH_ENTRIES])
            ]
            with translated(_SQS, _denied("sqs:ChangeMessageVisibility on the dead-letter queue")):
                await self._client.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    async def _moved(self, letter: DeadLetter) -> WorkerError | None:
        url = await self._dead_letter_url()
        try:
            with translated(_SQS, _denied("sqs:SendMessage")):
                await self._client.send_message(QueueUrl=self._queue_url, **letter.contents)
            with translated(_SQS, _denied("sqs:DeleteMessage on the dead-letter queue")):
                await self._client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt_handle)
        except WorkerError as error:
            return error
        return None

    async def _dead_letter_url(self) -> str:
        if self._url is None:
            arn = (await self._attributes.read()).dead_letter_arn
            if arn is None:
                raise DependencyMissingError("a dead-letter queue of WORKER_QUEUE_URL")
            what = f"the dead-letter queue {arn.rpartition(':')[2]}"
            missing = dict.fromkeys(NO_QUEUE, lambda: DependencyMissingError(what))
            with translated(_SQS, {**_denied("sqs:GetQueueUrl on the dead-letter queue"), **missing}):
                self._url = await queue_url_of(self._client, arn)
        return self._url

    def _letter(self, message: Mapping[str, Any]) -> DeadLetter:
        attributes = message.get("MessageAttributes", {})
        texts = {name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value}
        contents: dict[str, Any] = {"MessageBody": message["Body"]}
        if attributes:
            contents["MessageAttributes"] = attributes
        system = message.get("Attributes", {})
        if TRACE in system:
            contents["MessageSystemAttributes"] = {TRACE: string_attribute(system[TRACE])}
        if "MessageGroupId" in system:
            contents["MessageGroupId"] = system["MessageGroupId"]
        if self._is_fifo:
            contents.setdefault("MessageGroupId", message["MessageId"])
            contents["MessageDeduplicationId"] = message["MessageId"]
        return DeadLetter(
            message["MessageId"],
            message["ReceiptHandle"],
            texts["error_code"] if is_dead_letter(texts) else None,
            texts.get("job_id"),
            texts.get("error"),
            datetime.fromtimestamp(int(system[_SENT_AT]) / 1000, UTC),
            message["Body"],
            contents,
        )


def _denied(action: str) -> ErrorTable:
    return {**dict.fromkeys(DENIED, lambda: NotAllowedError(action)), **unusable_key()}
