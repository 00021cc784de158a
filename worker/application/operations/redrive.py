"""Moving dead letters back to the queue, those that workers have rejected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from worker.domain.errors import WorkerError
from worker.ports import DeadLetter, DeadLetterQueue


@dataclass(slots=True)
class Redriven:
    """What was done to the letters that were looked at; behind a limit there may be more.

    `moved` were moved back, or would be; `left` were not chosen; `foreign` are not of a worker.
    """

    moved: int = 0
    left: int = 0
    foreign: int = 0

    @property
    def seen(self) -> int:
        return self.moved + self.left + self.foreign


class Redrive:
    """Goes through the dead-letter queue once."""

    def __init__(self, queue: DeadLetterQueue) -> None:
        self._queue = queue

    async def count(self) -> int:
        """About how many messages there are."""
        return await self._queue.count()

    async def run(
        self,
        *,
        code: str | None = None,
        limit: int | None = None,
        is_dry: bool = False,
        on_letter: Callable[[DeadLetter], None] = lambda _: None,
        on_progress: Callable[[Redriven], None] = lambda _: None,
    ) -> Redriven:
        """Move the letters back that were rejected with `code` (None: with any), at most so many.

        Where the cause of a letter is still there, a worker rejects its message again at once, and its new letter is
        left: else this would go on for as long as workers run. A job may have several letters that were there before,
        of several runs. All of them are moved, and workers skip those of earlier runs.

        `on_letter` is called for each that is chosen. With `is_dry` all are left where they are.
        Raises DependencyMissingError, NotAllowedError, DependencyUnavailableError: those that were moved are moved.
        """
        done = Redriven()
        kept: dict[str, DeadLetter] = {}  # by message id: what is left, hidden until the end
        chosen_before = _Chosen()
        try:
            while (limit is None or done.moved < limit) and (letters := await self._queue.receive()):
                news = [letter for letter in letters if letter.message_id not in kept]
                kept |= {letter.message_id: letter for letter in letters}
                if not news:  # all of them have been seen: the first are visible again
                    break
                chosen = chosen_before.choose(news, code)
                if limit is not None:
                    chosen = chosen[: limit - done.moved]
                for letter in chosen:
                    on_letter(letter)
                failures = [] if is_dry else await self._move(chosen, kept)
                done.moved += len(chosen) - len(failures)
                done.foreign += sum(letter.error_code is None for letter in news)
                done.left = len(kept) - done.foreign - (done.moved if is_dry else 0)
                on_progress(done)
                if failures:
                    raise failures[0]
        finally:
            await self._queue.leave(list(kept.values()))
        return done

    async def _move(self, letters: list[DeadLetter], kept: dict[str, DeadLetter]) -> list[WorkerError]:
        """Try all of them, and return the failures. Those that were moved are kept no more."""
        failures: list[WorkerError] = []
        for letter, failure in zip(letters, await self._queue.move_back(letters), strict=True):
            if failure is None:
                del kept[letter.message_id]
            else:
                failures.append(failure)
        return failures


@dataclass(slots=True)
class _Chosen:
    """Which messages were chosen by a redrive that begins now."""

    messages: set[bytes] = field(default_factory=set)  # digests
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def choose(self, letters: Sequence[DeadLetter], code: str | None) -> list[DeadLetter]:
        """The letters with the code (None: with any) that do not come of a message that was chosen before.

        The queue's clock and ours may differ. A difference matters only where a message has several letters.
        """
        chosen = []
        for letter in letters:
            message = hashlib.sha256(f"{letter.job_id} {letter.body}".encode()).digest()
            was_there = letter.sent_at < self.since or message not in self.messages
            if letter.error_code is not None and code in {None, letter.error_code} and was_there:
                self.messages.add(message)
                chosen.append(letter)
        return chosen
