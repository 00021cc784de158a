"""A newer delivery of a message that runs here already takes the place of the older one."""

from __future__ import annotations

import asyncio

from tests.fakes.queue import FakeQueue
from tests.support.deliveries import a_delivery
from tests.support.leases import LEASE, SlowExtend, a_renewer, received_work
from tests.support.virtual_time import virtual_time
from worker.application.consuming.lease import Lease
from worker.domain.errors import LeaseLostError


@virtual_time
async def test_a_newer_delivery_of_the_message_is_adopted_and_renewed_instead() -> None:
    queue = FakeQueue()
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(10)
        queue.deliver_again(work.lease.delivery.message_id)
        (newer,) = await queue.receive(1)
        assert work.lease.adopt(newer)
        await asyncio.sleep(3600)

        assert work.lease.delivery is newer
        assert not work.lease.is_lost
    await queue.ack(work.lease.delivery)
    assert len(queue) == 0


@virtual_time
async def test_a_dead_handle_says_nothing_once_a_newer_delivery_is_adopted() -> None:
    queue = FakeQueue(faults=SlowExtend(after_seconds=2))
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(19)
        queue.deliver_again(work.lease.delivery.message_id)
        (newer,) = await queue.receive(1)
        await asyncio.sleep(2)  # meanwhile the old handle was refused, and the answer is on its way
        assert queue.calls["extend"] == 1
        assert work.lease.adopt(newer)
        await asyncio.sleep(3600)

    assert not work.lease.is_lost


async def test_an_older_delivery_is_adopted_without_effect() -> None:
    held = a_delivery(receive_count=3, received_at=50)
    lease = Lease(held, lease_seconds=LEASE)

    assert lease.adopt(a_delivery(receive_count=2, received_at=60))

    assert lease.delivery is held
    assert lease.deadline == 110


async def test_nothing_is_adopted_once_the_lease_has_ended_or_is_lost() -> None:
    over, lost = Lease(a_delivery(), lease_seconds=LEASE), Lease(a_delivery(), lease_seconds=LEASE)
    over.end()
    lost.lose(LeaseLostError("taken over"))

    assert not over.adopt(a_delivery(receive_count=2))
    assert not lost.adopt(a_delivery(receive_count=2))
