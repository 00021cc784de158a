"""What the platform that runs the container is asked for."""

from __future__ import annotations

from typing import Protocol


class Credentials(Protocol):
    """The worker's identity at its cloud."""

    async def problem(self) -> str | None:
        """Why there are no credentials, in words; None where there are. Looks anew each time, and raises nothing."""


class ScaleInProtection(Protocol):
    """The platform's promise not to end this worker for a smaller fleet or a new version."""

    async def protect(self, minutes: int) -> None:
        """Protect this worker for so long from now on. Raises DependencyUnavailableError, also where it is refused."""

    async def release(self) -> None:
        """End the protection. Raises DependencyUnavailableError."""
