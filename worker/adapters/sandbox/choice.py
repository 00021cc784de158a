"""Which sandbox a program runs in, by what the kernel can do."""

from __future__ import annotations

from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sandbox.programs import program_of


def available_sandbox(program: str) -> Sandbox:
    """The sandbox with all that this kernel has; an empty one for a script, which starts other programs.

    Starts the launcher. Raises OSError, LauncherLostError.
    """
    facts = shared_launcher().facts()
    return Sandbox() if program_of(program).is_script else Sandbox(facts.seccomp, facts.landlock_abi)
