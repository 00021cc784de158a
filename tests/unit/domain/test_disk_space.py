"""Shares of a disk: what is promised, whose turn it is, and how often others may be served first."""

from __future__ import annotations

import pytest

from worker.domain.disk_space import MAX_OVERTAKES, OutputsTooLargeError, SharedDisk, WorkspaceBusyError


def test_a_share_may_have_all_that_is_available_and_no_more() -> None:
    disk = SharedDisk()
    share = disk.join()

    assert not disk.take(share, 11, 10)
    assert disk.taken == 0
    assert disk.take(share, 10, 10)
    assert disk.taken == 10


def test_what_is_promised_and_not_written_is_that_of_others() -> None:
    disk = SharedDisk()
    first, second, third = disk.join(), disk.join(), disk.join()
    disk.take(first, 10, 100)
    disk.take(second, 20, 100)
    written = {first: 4, second: 25}

    assert disk.unwritten(written.__getitem__, to_others_than=third) == 6
    assert disk.unwritten(written.__getitem__, to_others_than=first) == 0


def test_what_a_share_keeps_counts_once_nothing_is_reserved() -> None:
    disk = SharedDisk()
    share = disk.join()
    disk.take(share, 10, 10)
    share.reserved, share.kept = 0, 7

    assert disk.taken == 7

    disk.wait(share, 10)

    assert disk.taken == 0


def test_those_that_wait_are_served_in_their_order_as_far_as_the_space_goes() -> None:
    disk = SharedDisk()
    shares = [disk.join() for _ in range(4)]
    for share, size in zip(shares, (6, 5, 4, 0), strict=True):
        disk.wait(share, size)

    assert disk.admissible(3) == 0
    assert disk.admissible(5) == 5
    assert disk.admissible(100) == 15
    assert disk.admit(10) == [shares[0], shares[2], shares[3]]
    assert [share.reserved for share in shares] == [6, 0, 4, 0]
    assert disk.waiting == [shares[1]]


def test_one_that_waits_is_overtaken_so_often_and_no_more() -> None:
    disk = SharedDisk()
    large = disk.join()
    disk.wait(large, 100)

    assert [disk.take(disk.join(), 1, 10) for _ in range(MAX_OVERTAKES + 1)] == [True] * MAX_OVERTAKES + [False]

    small = disk.join()
    disk.wait(small, 1)

    assert disk.admit(10) == []
    assert disk.admit(100) == [large]


def test_one_that_was_served_and_waits_again_may_be_overtaken_as_often_again() -> None:
    disk = SharedDisk()
    large = disk.join()
    for _ in range(2):
        disk.wait(large, 100)
        assert [disk.take(disk.join(), 1, 10) for _ in range(MAX_OVERTAKES + 1)].count(True) == MAX_OVERTAKES


def test_one_that_waits_does_not_overtake_itself() -> None:
    disk = SharedDisk()
    share = disk.join()
    disk.wait(share, 5)

    assert all(disk.take(share, 5, 5) for _ in range(MAX_OVERTAKES + 2))


def test_an_earlier_one_overtakes_nobody() -> None:
    disk = SharedDisk()
    early, late = disk.join(), disk.join()
    disk.wait(late, 100)

    assert all(disk.take(early, 5, 5) for _ in range(MAX_OVERTAKES + 2))


@pytest.mark.parametrize(("size", "words"), [(None, "more bytes than the limit of 5"), (7, "7 bytes; the limit is 5")])
def test_outputs_that_are_too_large_have_their_size_or_more_than_the_limit(size: int | None, words: str) -> None:
    assert str(OutputsTooLargeError(size, 5)) == f"the outputs together have {words}"


@pytest.mark.parametrize(("free", "words"), [(6, "6 are free"), (7, "7 are free, but other jobs come first")])
def test_a_job_that_waited_too_long_says_what_there_is(free: int, words: str) -> None:
    assert str(WorkspaceBusyError(7, free)) == f"the job needs 7 bytes in the workspace; {words}"
