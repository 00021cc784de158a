"""The disk space of the workspace: reserved by each job before it writes; jobs wait for it.

Jobs of one worker get it in an order that holds up none for ever. Between workers it goes to the one that asks first,
and a job that has waited for a quarter of an hour is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from worker import metrics
from worker.application.jobs.other_workers import OtherWorkers
from worker.domain.disk_space import Share, SharedDisk, SpaceNeed, WorkspaceBusyError, WorkspaceTooSmallError
from worker.domain.errors import JobError, WorkspaceFullError
from worker.events import Event, emit
from worker.ports import Volume
from worker.waiting import wait_for_event

WAIT_SECONDS = 900.0  # then another worker may have space
_LOOK_SECONDS = 1.0  # other programs may use the disk, too


class WorkspaceSpace:
    """What all jobs of the worker have reserved, beside those of `others` that share its disk."""

    def __init__(self, volume: Volume, others: OtherWorkers) -> None:
        self.volume = volume
        self._others = others
        self.disk = SharedDisk()
        self._reservations: dict[Share, Reservation] = {}

    @contextmanager
    def reservation(self, directory: Path) -> Iterator[Reservation]:
        """For a job that keeps its files in the directory; inside, it has what it reserves."""
        share = self.disk.join()
        self._reservations[share] = reservation = Reservation(self, share, directory)
        try:
            yield reservation
        finally:
            self.disk.leave(share)
            del self._reservations[share]
            self.admit()

    def admit(self) -> None:
        """Let those begin whose turn it is. To be called when space has become free."""
        waiting = self.disk.waiting
        if waiting:
            with suppress(OSError):  # where the disk cannot be asked, each of them finds out for itself
                self._admit(waiting[0])
        self._others.announce(self.disk.taken)

    def _admit(self, first: Share) -> None:
        admissible = self.disk.admissible(self._available(first))
        if admissible:
            with self._announced(admissible):
                for share in self.disk.admit(min(admissible, self._available(first))):
                    self._reservations[share].granted.set()

    def take(self, share: Share, size_bytes: int) -> bool:
        """Let the share be so large, now or not at all. Raises OSError."""
        with self._announced(size_bytes - share.reserved):
            # Mostly there is enough even if no job has written anything yet. To look at all files takes longer.
            least = self._available_at_least(share)
            return self.disk.take(share, size_bytes, least if size_bytes <= least else self._available(share))

    @contextmanager
    def _announced(self, asked_bytes: int) -> Iterator[None]:
        """Inside, other workers see as reserved what is asked for: two that ask at once do not both get the same.

        What is available is to be asked for inside.
        """
        self._others.announce(self.disk.taken + asked_bytes)
        try:
            yield
        finally:
            self._others.announce(self.disk.taken)

    def _available_at_least(self, share: Share) -> int:
        """What would be available if nobody had written anything of what is reserved. Looks at no files."""
        reserved = self.disk.unwritten(lambda _: 0, to_others_than=share) + self._others.reserved()
        return self._free(share) - reserved

    def _available(self, share: Share) -> int:
        """What is free and not promised to others, with what the share has written itself."""
        # First what is written, then what is free: what is written in between makes it less, and not more.
        unwritten = self.disk.unwritten(self._written, to_others_than=share) + self._others.unwritten()
        own = self._written(share)
        return own + self._free(share) - unwritten

    def _free(self, share: Share) -> int:
        return self.volume.free_bytes(self._reservations[share].directory)

    def _written(self, share: Share) -> int:
        return self.volume.used_bytes(self._reservations[share].directory)

    def attainable(self, directory: Path) -> int:
        """How much one job could have if there were no other. Raises OSError."""
        written = self._others.written_by_all()
        if written is None:  # it waits, and is given back if that was in vain
            return self.volume.size_bytes(directory)
        return written + self.volume.free_bytes(directory)


class Reservation:
    """The space of one job, whose files are in `directory`."""

    def __init__(self, space: WorkspaceSpace, share: Share, directory: Path) -> None:
        self._space = space
        self._share = share
        self._most: int | None = None  # where the disk has less than the job might use
        self.directory = directory
        self.granted = asyncio.Event()

    @property
    def size_bytes(self) -> int:
        """What is reserved, of which a part may be written already."""
        return self._share.reserved

    def take(self, need: SpaceNeed) -> bool:
        """Have what is needed, at once or not at all. What is reserved already counts. Raises OSError."""
        wanted = need.most if self._most is None else max(need.least, min(need.most, self._most))
        if wanted <= self._share.reserved:
            return True
        return self._space.take(self._share, wanted)

    def shortage(self, need: SpaceNeed) -> JobError | None:
        """Why the job cannot have what it needs even when no other job has anything; None where it can.

        WorkspaceTooSmallError, or WorkspaceBusyError where others than the workers use the disk; WorkspaceFullError
        where the job has had all that these leave, and it was too little. Raises OSError.
        """
        size_bytes, attainable = self._space.volume.size_bytes(self.directory), self._space.attainable(self.directory)
        if need.least > size_bytes:
            return WorkspaceTooSmallError(need.least, size_bytes)
        if need.least > attainable:
            return WorkspaceBusyError(need.least, attainable) if self._most is None else WorkspaceFullError()
        return None

    async def wait_for(self, need: SpaceNeed) -> None:
        """Wait until what is needed is there, or all that the disk has. The job's files must be gone.

        Raises the `shortage` where that can never be, WorkspaceBusyError where it is not so within a quarter of an
        hour; OSError.
        """
        volume, disk = self._space.volume, self._space.disk
        if shortage := self.shortage(need):
            raise shortage
        attainable = self._space.attainable(self.directory)
        self._most = attainable if need.most > attainable else None
        wanted = min(need.most, attainable)
        emit(Event.JOB_DELAYED, needed_bytes=wanted, free_bytes=volume.free_bytes(self.directory))
        self.granted.clear()
        disk.wait(self._share, wanted)
        try:
            with metrics.JOBS_DELAYED.track_inprogress():
                await self._turn(wanted)
        finally:
            disk.stop_waiting(self._share)
            self._space.admit()

    def give_back_beyond(self, need: SpaceNeed) -> None:
        """Give back what is reserved beyond that size."""
        if need.most < self._share.reserved:
            self._share.reserved = need.most
            self._space.admit()

    def keep_what_is_written(self) -> None:
        """The job writes nothing more."""
        self._share.reserved, self._share.kept = 0, self._space.volume.used_bytes(self.directory)
        self._space.admit()

    async def _turn(self, wanted: int) -> None:
        time = asyncio.get_running_loop().time
        ends_at = time() + WAIT_SECONDS
        self._space.admit()  # what the job held is free now
        while not await wait_for_event(self.granted, _LOOK_SECONDS):
            free_bytes = self._space.volume.free_bytes(self.directory)  # raises where it has been removed
            if time() >= ends_at:
                raise WorkspaceBusyError(wanted, free_bytes)
            if self._space.disk.waiting[0] is self._share:
                self._space.admit()
