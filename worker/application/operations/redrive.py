"""Moving dead letters back to the queue, those that workers have rejected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker.domain.errors import WorkerError
from worker.ports import DeadLetter, DeadLetterQueue


@dataclass(slots=True)
class Redriven:
    """What was done. `moved` were moved back, or would be; `left` were not chosen; `foreign` are not of a worker."""

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

        A message is moved once. Where its cause is still there, a worker rejects it again at once, and its new letter
        is left: else this would go on for as long as workers run.

        `on_letter` is called for each that is chosen. With `is_dry` all are left where they are.
        Raises DependencyMissingError, NotAllowedError, DependencyUnavailableError: those that were moved are moved.
        """
        done = Redriven()
        kept: dict[str, DeadLetter] = {}  # by message id: what is left, hidden until the end
        moved_before: set[bytes] = set()  # digests of messages
        try:
            while (limit is None or done.moved < limit) and (letters := await self._queue.receive()):
                news = [letter for letter in letters if letter.message_id not in kept]
                kept |= {letter.message_id: letter for letter in letters}
                if not news:  # all of them have been seen: the first are visible again
                    break
                chosen = _choose(news, code, moved_before)
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


def _choose(letters: Sequence[DeadLetter], code: str | None, moved_before: set[bytes]) -> list[DeadLetter]:
    """The letters with the code (None: with any) whose message is not among `moved_before`; adds theirs to it."""
    chosen = []
    for letter in letters:
        message = hashlib.sha256(f"{letter.job_id} {letter.body}".encode()).digest()
        if letter.error_code is not None and code in {None, letter.error_code} and message not in moved_before:
            moved_before.add(message)
            chosen.append(letter)
    return chosen
