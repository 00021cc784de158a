"""Schedules that once failed, with what they found.

They are kept as values and not as seeds: a seed stands for another schedule as soon as the generator changes.
"""

from __future__ import annotations

from tests.simulation.core.faults import REFUSED
from tests.simulation.core.schedule import LinkFault
from tests.simulation.progress.schedule import Drain, Duplicate, Ending, ReadAt, Schedule, Script, Watch

REGRESSIONS = {
    "percent fell from 62 to 0 within an attempt: the record that waits for the next one had set it to 0": Schedule(
        seed=853,
        mode="failover",
        jobs=1,
        is_submitted=False,
        scripts=((Script(steps=((0.7, 62.6), (0.29, 84.6)), ending=Ending.RETRY),),),
        incidents=(Watch(at=0.949, reader="r0", job=0),),
    ),
    "on a tie of fences, Redis refused the holder of the claim: the one before had written more ticks there": Schedule(
        seed=7,
        mode="failover",
        jobs=1,
        is_submitted=True,
        scripts=((Script(steps=((0.65, 12.3), (0.63, 43.2), (0.92, 79.4), (0.76, 87.1)), ending=Ending.COMPLETE),),),
        incidents=(
            LinkFault(start=0.53, end=3.254, who=("w0", "w1", "r0", "r1"), service="table", fault=REFUSED),
            Duplicate(at=1.84, job=0, worker="w1", is_tie=True),
        ),
    ),
    "on a tie of fences, Redis took the holder's tick for one that it held already, of the one before": Schedule(
        seed=118595,
        mode="failover",
        jobs=1,
        is_submitted=False,
        scripts=(
            (
                Script(steps=((0.305, 20.0), (0.276, 80.1), (0.76, 96.0)), ending=Ending.COMPLETE),
                Script(steps=((0.43, 29.4), (0.667, 66.6)), ending=Ending.FAIL),
            ),
        ),
        incidents=(
            Duplicate(at=0.956, job=0, worker="w1", is_tie=True),
            ReadAt(at=1.501, reader="r0", job=0, is_new_session=False),
            Drain(at=1.667, worker="w1"),
            ReadAt(at=1.865, reader="r0", job=0, is_new_session=False),
        ),
    ),
    "on a tie of fences, a confirmed claim was taken for that of the worker which converted later": Schedule(
        seed=27111,
        mode="durable",
        jobs=1,
        is_submitted=False,
        scripts=(
            (Script(steps=((0.586, 22.4), (0.443, 63.7), (0.99, 70.2), (0.247, 71.6)), ending=Ending.COMPLETE),),
        ),
        incidents=(Duplicate(at=1.912, job=0, worker="w1", is_tie=True),),
    ),
}
