"""Failures in a row, of which only the first is logged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FailureStreak:
    """Counts failures without a success between them. `began_at` is when the first of them began, as it was given."""

    failures: int = 0
    began_at: float = 0.0

    def add(self, began_at: float = 0.0) -> bool:
        """Count one more failure. Returns True for the first of a streak: the one to log."""
        self.failures += 1
        if self.failures == 1:
            self.began_at = began_at
        return self.failures == 1

    def end(self) -> None:
        """End the streak, because something succeeded: the next failure is a first one again."""
        self.failures = 0
