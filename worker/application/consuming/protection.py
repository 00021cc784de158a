"""Keeps the platform from ending this worker while jobs run: a task beside them, which never delays one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

from worker.application.consuming.slots import Slots
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import ScaleInProtection
from worker.waiting import wait_for_event

PROTECTED_MINUTES = 60
_RENEW_SECONDS = 25 * 60.0  # before half of that is over
_TURN_SECONDS = 1.0
_IDLE_SECONDS = 5.0  # so that short jobs with pauses between them do not switch it on and off
_RETRY_SECONDS = 30.0
# A deployment and a scale-in wait for a protected task, and CloudFormation gives a deployment three hours:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
_LONGEST_SECONDS = 2 * 3600.0
_BREAK_SECONDS = 30.0


class ProtectionController:
    """Has the worker protected while jobs run. `run` has to run beside them.

    With messages always waiting there would always be a job. So after two hours without a break the `slots` are left
    free. When the jobs in hand have ended, the protection is released. Half a minute later messages are taken again.
    A refusal is logged, once a streak, and asked again later; the jobs run on either way.
    """

    def __init__(self, protection: ScaleInProtection, slots: Slots) -> None:
        self._protection = protection
        self._slots = slots
        self._jobs = 0
        self._has_begun = asyncio.Event()
        self._busy_at = -math.inf  # when a job was last running
        self._protected_since = math.inf
        self._is_protected: bool | None = False  # None: a call failed, and may have had its effect
        self._renew_at = -math.inf
        self._ask_again_at = {True: -math.inf, False: -math.inf}  # by what is asked for
        self._refusals = FailureStreak()

    @contextmanager
    def protected_job(self) -> Iterator[None]:
        """A job runs for as long as the `with` lasts. Never waits."""
        self._jobs += 1
        self._has_begun.set()
        try:
            yield
        finally:
            self._jobs -= 1
            self._busy_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Ask for what is needed, for ever: when a job begins, and once a second."""
        while True:
            self._has_begun.clear()
            await self._ask_if_needed(asyncio.get_running_loop().time())
            await wait_for_event(self._has_begun, _TURN_SECONDS)

    async def _ask_if_needed(self, now: float) -> None:
        if self._jobs > 0:
            self._busy_at = now
        self._begin_or_end_break(now)
        is_wanted = self._jobs > 0 if self._slots.are_left_free else now - self._busy_at < _IDLE_SECONDS
        is_so = self._is_protected is is_wanted and (not is_wanted or now < self._renew_at)
        if is_so or now < self._ask_again_at[is_wanted]:
            return
        try:
            await self._ask(is_wanted)
        except Exception as error:  # noqa: BLE001 - without protection the jobs run on
            self._refused(error, is_wanted, now)
        else:
            self._granted(is_wanted, now)

    def _begin_or_end_break(self, now: float) -> None:
        """Begin or end the break in which ECS may end this task. It ends even where ECS refuses the release."""
        if self._slots.are_left_free and now - self._busy_at >= _BREAK_SECONDS:
            self._protected_since = math.inf
            self._slots.take_again()
        elif now - self._protected_since >= _LONGEST_SECONDS:
            self._slots.leave_free()

    async def _ask(self, is_wanted: bool) -> None:
        if is_wanted:
            await self._protection.protect(PROTECTED_MINUTES)
        else:
            await self._protection.release()

    def _granted(self, is_wanted: bool, now: float) -> None:
        if self._is_protected is not is_wanted:
            emit(Event.PROTECTION_ENABLED if is_wanted else Event.PROTECTION_RELEASED)
        self._is_protected = is_wanted
        self._protected_since = min(self._protected_since, now) if is_wanted else math.inf
        self._renew_at = now + _RENEW_SECONDS
        self._refusals.end()

    def _refused(self, error: Exception, is_wanted: bool, now: float) -> None:
        if self._refusals.add():
            emit(Event.PROTECTION_REFUSED, wanted=is_wanted, error=str(error) or type(error).__name__)
        self._is_protected = None
        self._ask_again_at[is_wanted] = now + _RETRY_SECONDS
