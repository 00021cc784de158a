"""Keeps the platform from ending this worker while jobs run: a task beside them, which never delays one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import ScaleInProtection
from worker.waiting import wait_for_event

PROTECTED_MINUTES = 60
_RENEW_SECONDS = 25 * 60.0  # before half of that is over
_TURN_SECONDS = 1.0
_IDLE_SECONDS = 5.0  # so that short jobs with pauses between them do not switch it on and off
_RETRY_SECONDS = 30.0


class ProtectionController:
    """Has the worker protected while jobs run. `run` has to run beside them.

    A refusal is logged, once a streak, and asked again later; the jobs run on either way.
    """

    def __init__(self, protection: ScaleInProtection) -> None:
        self._protection = protection
        self._jobs = 0
        self._has_begun = asyncio.Event()
        self._busy_at = -math.inf  # when a job was last running
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
        is_wanted = now - self._busy_at < _IDLE_SECONDS
        is_so = self._is_protected is is_wanted and (not is_wanted or now < self._renew_at)
        if is_so or now < self._ask_again_at[is_wanted]:
            return
        try:
            await self._ask(is_wanted)
        except Exception as error:  # noqa: BLE001 - protection is a favour: without it the jobs run on
            self._refused(error, is_wanted, now)
        else:
            self._granted(is_wanted, now)

    async def _ask(self, is_wanted: bool) -> None:
        if is_wanted:
            await self._protection.protect(PROTECTED_MINUTES)
        else:
            await self._protection.release()

    def _granted(self, is_wanted: bool, now: float) -> None:
        if self._is_protected is not is_wanted:
            emit(Event.PROTECTION_ENABLED if is_wanted else Event.PROTECTION_RELEASED)
        self._is_protected = is_wanted
        self._renew_at = now + _RENEW_SECONDS
        self._refusals.end()

    def _refused(self, error: Exception, is_wanted: bool, now: float) -> None:
        if self._refusals.add():
            emit(Event.PROTECTION_REFUSED, wanted=is_wanted, error=str(error) or type(error).__name__)
        self._is_protected = None
        self._ask_again_at[is_wanted] = now + _RETRY_SECONDS
