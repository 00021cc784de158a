"""Jobs that share a disk: none is promised what is not there, and none waits for ever, in any order of events."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.disk_space import MAX_OVERTAKES, Share, SharedDisk

CAPACITY = 1000


@dataclass
class Jobs:
    """Jobs on a disk of 1000 bytes. A job that is served writes up to what it has reserved, and ends some time."""

    disk: SharedDisk = field(default_factory=SharedDisk)
    written: dict[Share, int] = field(default_factory=dict)  # of those that run
    overtaken: dict[Share, int] = field(default_factory=dict)  # of those that wait
    served: int = 0

    def free(self) -> int:
        return CAPACITY - sum(self.written.values())

    def available(self, to: Share) -> int:
        own = self.written.get(to, 0)
        return own + self.free() - self.disk.unwritten(self.written.__getitem__, to_others_than=to)

    def comes(self, need: int) -> None:
        share = self.disk.join()
        if self.disk.take(share, need, self.available(share)):
            self._begins(share)
        else:
            self.disk.wait(share, need)
            self.overtaken[share] = 0
            self.admit()

    def writes(self, place: int, part: float) -> None:
        """One of those that run has written this part of what it may."""
        if self.written:
            share = list(self.written)[place % len(self.written)]
            self.written[share] = max(self.written[share], int(share.reserved * part))

    def needs_more(self, place: int, more: int) -> None:
        """One of those that run needs more: it gets that at once, or gives back all and waits."""
        if self.written:
            share = list(self.written)[place % len(self.written)]
            need = min(CAPACITY, share.reserved + more)
            if not self.disk.take(share, need, self.available(share)):
                del self.written[share]
                self.served -= 1
                self.disk.wait(share, need)
                self.overtaken[share] = 0
            else:
                self._overtakes(share)
            self.admit()

    def ends(self, place: int) -> None:
        """One of those that run ends, and its files are gone."""
        if self.written:
            share = list(self.written)[place % len(self.written)]
            del self.written[share]
            self.disk.leave(share)
            self.admit()

    def admit(self) -> None:
        waiting = self.disk.waiting
        served = self.disk.admit(self.available(waiting[0])) if waiting else []
        for share in served:
            del self.overtaken[share]
        for share in served:
            self._begins(share)

    def _begins(self, share: Share) -> None:
        self.written[share] = 0
        self.served += 1
        self._overtakes(share)

    def _overtakes(self, share: Share) -> None:
        for other in self.overtaken:
            if other.order < share.order:
                self.overtaken[other] += 1
        assert max(self.overtaken.values(), default=0) <= MAX_OVERTAKES
        assert sum(each.reserved for each in self.written) <= CAPACITY
        assert all(each.reserved == 0 for each in self.overtaken)


_PLACES = st.integers(0, 99)
_SIZES = st.one_of(st.integers(1, 20), st.integers(1, CAPACITY), st.just(CAPACITY))
_STEPS = st.one_of(
    st.tuples(st.just("comes"), _SIZES),
    st.tuples(st.just("ends"), _PLACES),
    st.tuples(st.just("writes"), _PLACES, st.floats(0, 1)),
    st.tuples(st.just("needs_more"), _PLACES, st.integers(1, CAPACITY)),
)


@given(st.lists(_STEPS, max_size=80))
def test_every_job_is_served_and_overtaken_a_bounded_number_of_times(steps: list[tuple[object, ...]]) -> None:
    jobs = Jobs()
    for name, *arguments in steps:
        getattr(jobs, str(name))(*arguments)

    while jobs.written:
        jobs.ends(0)

    assert jobs.disk.waiting == []
    assert jobs.served == sum(name == "comes" for name, *_ in steps)


@given(st.lists(st.integers(1, 20), min_size=50, max_size=50))
def test_a_job_that_needs_all_of_the_disk_is_served_however_many_small_ones_keep_coming(sizes: list[int]) -> None:
    jobs = Jobs()
    jobs.comes(1)
    jobs.comes(CAPACITY)
    (large,) = jobs.disk.waiting

    came = 0
    for size in sizes:  # each comes before the last one ends, so that the disk is never empty by chance
        if large.wanted is None:
            break
        jobs.comes(size)
        jobs.ends(0)
        came += 1

    assert large.wanted is None
    assert came <= MAX_OVERTAKES + 1


@given(st.lists(st.integers(CAPACITY // 2 + 1, CAPACITY), min_size=50, max_size=50))
def test_a_small_job_is_served_however_many_large_ones_keep_coming(sizes: list[int]) -> None:
    jobs = Jobs()
    for size in sizes[:10]:
        jobs.comes(size)
    for _ in range(MAX_OVERTAKES):  # others have used up their turns
        jobs.comes(1)
    jobs.comes(CAPACITY // 2)
    small = jobs.disk.waiting[-1]

    ended = 0
    for size in sizes[10:]:
        if small.wanted is None:
            break
        jobs.comes(size)
        jobs.ends(0)
        ended += 1

    assert small.wanted is None
    assert ended <= 20
