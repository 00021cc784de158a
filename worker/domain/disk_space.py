"""Disk space that jobs share: each reserves what it needs before it writes, and an order says who may have it next.

A job that waits holds nothing, so no two jobs wait for each other. Those that came first are served first. Where the
first needs more than there is, others that need less may overtake it, but only so often: then no job that came later
is served before it. So a large job always gets its turn, and a small one waits only for those that came before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.domain.errors import ErrorCode, PermanentError, TransientError

MAX_OVERTAKES = 8


class OutputsTooLargeError(PermanentError):
    """The outputs together have more bytes than WORKER_MAX_OUTPUT_BYTES.

    `size_bytes` is what they have at least; None where they were stopped at the limit.
    """

    code = ErrorCode.SOURCE_TOO_LARGE

    def __init__(self, size_bytes: int | None, limit_bytes: int) -> None:
        size = f"more bytes than the limit of {limit_bytes}"
        if size_bytes is not None:
            size = f"{size_bytes} bytes; the limit is {limit_bytes}"
        super().__init__(f"the outputs together have {size}")


class WorkspaceTooSmallError(PermanentError):
    """The source and the outputs need more bytes than the whole workspace has, and the source cannot pass through."""

    code = ErrorCode.SOURCE_TOO_LARGE

    def __init__(self, needed_bytes: int, size_bytes: int) -> None:
        super().__init__(f"the job needs {needed_bytes} bytes in the workspace; all of it has {size_bytes}")


class WorkspaceBusyError(TransientError):
    """The job has waited for space in the workspace for too long, or what fills the workspace is not the worker's."""

    code = ErrorCode.WORKSPACE_FULL

    def __init__(self, needed_bytes: int, free_bytes: int) -> None:
        others = ", but other jobs come first" if free_bytes >= needed_bytes else ""
        super().__init__(f"the job needs {needed_bytes} bytes in the workspace; {free_bytes} are free{others}")


@dataclass(frozen=True, slots=True)
class SpaceNeed:
    """How many bytes of the disk a job needs: at least, and at most as far as that is known beforehand."""

    least: int
    most: int


@dataclass(eq=False, slots=True)
class Share:
    """The share of one job, in bytes. `order` is its number in the order in which the jobs came."""

    order: int
    reserved: int = 0
    kept: int = 0  # what it has written, once it writes nothing more and has nothing reserved
    wanted: int | None = None  # all that it needs; None while it does not wait
    overtaken: int = 0  # how often a later one was served while it waited


class SharedDisk:
    """The shares of all jobs. What the disk has is given by the caller, in bytes, each time."""

    def __init__(self) -> None:
        self._shares: list[Share] = []  # in their order
        self._joined = 0

    @property
    def waiting(self) -> list[Share]:
        """The shares that wait, in their order."""
        return [share for share in self._shares if share.wanted is not None]

    def join(self) -> Share:
        """A new share, the last in order, of nothing yet."""
        self._joined += 1
        share = Share(self._joined)
        self._shares.append(share)
        return share

    def leave(self, share: Share) -> None:
        self._shares.remove(share)

    def unwritten(self, written: Callable[[Share], int], *, to_others_than: Share) -> int:
        """How much of their reservations others have not written yet. `written` says how much a share has written."""
        others = (share for share in self._shares if share.reserved and share is not to_others_than)
        return sum(max(0, share.reserved - written(share)) for share in others)

    @property
    def taken(self) -> int:
        """What all shares take: what is reserved, or what is kept by those that write nothing more."""
        return sum(share.reserved or share.kept for share in self._shares)

    def admissible(self, available: int) -> int:
        """The most that can be given to those that wait: at most what is `available`, and to each all or nothing."""
        return min(available, sum(share.wanted or 0 for share in self.waiting if (share.wanted or 0) <= available))

    def take(self, share: Share, size_bytes: int, available: int) -> bool:
        """Let the share be so large, if that is `available` to it and not another's turn. Returns whether it was."""
        if size_bytes > available:
            return False
        passed = [other for other in self.waiting if other.order < share.order]
        if not _may_pass(passed):
            return False
        _pass(passed)
        share.reserved = size_bytes
        return True

    def wait(self, share: Share, size_bytes: int) -> None:
        """Have the share wait until it can be so large. It holds nothing meanwhile."""
        share.reserved = share.kept = 0
        share.wanted = size_bytes
        share.overtaken = 0

    def stop_waiting(self, share: Share) -> None:
        share.wanted = None

    def admit(self, available: int) -> list[Share]:
        """Serve those that wait, as far as the space and the order allow. Returns who was served."""
        served: list[Share] = []
        passed: list[Share] = []
        for share in self.waiting:
            wanted = share.wanted or 0
            if wanted <= available and _may_pass(passed):
                _pass(passed)
                share.reserved, share.wanted = wanted, None
                available -= wanted
                served.append(share)
            else:
                passed.append(share)
        return served


def _may_pass(waiting: list[Share]) -> bool:
    return all(share.overtaken < MAX_OVERTAKES for share in waiting)


def _pass(waiting: list[Share]) -> None:
    for share in waiting:
        share.overtaken += 1
