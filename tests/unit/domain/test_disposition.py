"""How a delivery of several jobs ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.domain import errors
from worker.domain.disposition import Ack, Disposition, Forfeit, Reject, Release, Retry, combined

REJECT = Reject(errors.NoAudioError(), "ep-1", 1)
REFUSED, LATER_REFUSED = (Reject(errors.InvalidMessageError(f"Records[{at}]", "is wrong")) for at in (2, 3))
LATER_REJECT = Reject(errors.SourceNotFoundError("s3://in-bucket/a"), "ep-2", 1)


@pytest.mark.parametrize(
    ("ends", "end"),
    [
        ([], Ack()),
        ([Ack(), Ack()], Ack()),
        ([Ack(), REJECT, Ack(), LATER_REJECT], REJECT),
        ([REFUSED, Ack(), LATER_REFUSED], replace(REFUSED, refused_too=(LATER_REFUSED,))),
        ([REJECT, REFUSED, LATER_REJECT, LATER_REFUSED], replace(REJECT, refused_too=(REFUSED, LATER_REFUSED))),
        ([REFUSED] * 5000, replace(REFUSED, refused_too=(REFUSED,) * 99)),
        ([REJECT, Retry(5), Ack(), Retry(40), Retry(20)], Retry(40)),
        ([REJECT, Retry(5), Release()], Release()),
        ([REJECT, Retry(5), Release(), Forfeit()], Forfeit()),
    ],
)
def test_a_delivery_of_several_jobs_ends_so_that_none_is_lost(ends: list[Disposition], end: Disposition) -> None:
    assert combined(ends) == end


@pytest.mark.parametrize("end", [Ack(), Retry(7), REJECT, Release(), Forfeit()])
def test_a_delivery_of_one_job_ends_as_the_job_does(end: Disposition) -> None:
    assert combined([end]) == end
