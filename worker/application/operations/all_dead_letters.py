"""The dead-letter queues of several queues as one."""

from __future__ import annotations

from collections.abc import Sequence

from worker.domain.errors import WorkerError
from worker.ports import DeadLetter, DeadLetterQueue


class AllDeadLetters:
    """A `DeadLetterQueue` over the `queues`, one after the other. A letter goes back where it came from."""

    def __init__(self, queues: Sequence[DeadLetterQueue]) -> None:
        self._queues = queues
        self._queue_of: dict[str, DeadLetterQueue] = {}  # by message id

    async def count(self) -> int:
        return sum([await queue.count() for queue in self._queues])

    async def receive(self) -> Sequence[DeadLetter]:
        for queue in self._queues:
            if letters := await queue.receive():
                self._queue_of |= {letter.message_id: queue for letter in letters}
                return letters
        return ()

    async def move_back(self, letters: Sequence[DeadLetter]) -> Sequence[WorkerError | None]:
        results: dict[str, WorkerError | None] = {}
        for queue in self._queues:
            those = self._of(queue, letters)
            moved = await queue.move_back(those)
            results |= {letter.message_id: result for letter, result in zip(those, moved, strict=True)}
        return [results[letter.message_id] for letter in letters]

    async def leave(self, letters: Sequence[DeadLetter]) -> None:
        for queue in self._queues:
            await queue.leave(self._of(queue, letters))

    def _of(self, queue: DeadLetterQueue, letters: Sequence[DeadLetter]) -> Sequence[DeadLetter]:
        return [letter for letter in letters if self._queue_of[letter.message_id] is queue]
