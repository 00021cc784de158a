"""Pieces that are encoded side by side: one always, others while there are spare slots."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from worker.adapters.shielding import run_shielded
from worker.domain.splitting.pieces import Piece
from worker.ports import SpareSlots


class Lanes:
    """Calls `encode` for each piece, and `join` for each encoded piece, in the order of the pieces.

    A piece whose slot is called back is stopped and encoded again. However `run` ends, no call is left running.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        slots: SpareSlots,
        encode: Callable[[Piece], Awaitable[None]],
        join: Callable[[Piece], Awaitable[None]],
    ) -> None:
        self._pieces = pieces
        self._slots = slots
        self._encode = encode
        self._join = join
        self._todo = deque(pieces)
        self._encoded: set[int] = set()
        self._busy_seconds = 0.0
        self._changed = asyncio.Condition()

    @property
    def busy_seconds(self) -> float:
        """How long pieces were encoded, summed over all lanes."""
        return self._busy_seconds

    async def run(self) -> None:
        """Encode and join all pieces. Raises what the first call that failed has raised."""
        helpers = min(self._slots.concurrency, len(self._pieces)) - 1
        try:
            async with asyncio.TaskGroup() as group:
                lanes = [group.create_task(self._own_lane())]
                lanes += [group.create_task(self._borrowed_lane()) for _ in range(helpers)]
                for piece in self._pieces:
                    await self._until(lambda number=piece.number: number in self._encoded)  # type: ignore[misc]
                    await self._join(piece)
                for lane in lanes:
                    lane.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _own_lane(self) -> None:
        while True:
            await self._until(lambda: bool(self._todo))
            await self._take(self._todo.popleft(), None)

    async def _borrowed_lane(self) -> None:
        while True:
            await self._until(lambda: bool(self._todo))
            async with self._slots.borrowed() as recalled:
                while self._todo and not recalled.is_set():
                    await self._take(self._todo.popleft(), recalled)

    async def _take(self, piece: Piece, recalled: asyncio.Event | None) -> None:
        time = asyncio.get_running_loop().time
        began_at = time()
        try:
            is_encoded = await self._encode_unless(piece, recalled)
        finally:
            self._busy_seconds += time() - began_at
        if is_encoded:
            self._encoded.add(piece.number)
        else:
            self._todo.appendleft(piece)
        async with self._changed:
            self._changed.notify_all()

    async def _encode_unless(self, piece: Piece, recalled: asyncio.Event | None) -> bool:
        if recalled is None:
            await self._encode(piece)
            return True
        encoding = asyncio.ensure_future(self._encode(piece))
        recall = asyncio.create_task(recalled.wait())
        try:
            await asyncio.wait([encoding, recall], return_when=asyncio.FIRST_COMPLETED)
        finally:
            recall.cancel()
            if not encoding.done():
                encoding.cancel()
                await run_shielded(_ended(encoding))
        if encoding.cancelled():
            return False
        encoding.result()
        return True

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(is_so)


async def _ended(task: asyncio.Future[None]) -> None:
    await asyncio.wait([task])
