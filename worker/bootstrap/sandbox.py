"""The sandbox that the settings ask for, as far as this machine has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.choice import available_sandbox
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sandbox.programs import program_of
from worker.application.operations.diagnosis import State, Verdict, judge_sandbox
from worker.settings import ConfigurationError, Fault, Settings


def sandbox_of(settings: Settings, converter: Path) -> Sandbox:
    """The sandbox of this worker's converters. Raises ConfigurationError where WORKER_SANDBOX asks for more."""
    sandbox = sandbox_for(settings, converter)
    verdict = _verdict(settings, converter, sandbox)
    if verdict.state is State.FAILED:
        raise ConfigurationError(Fault(("WORKER_SANDBOX",), f"is required, but {verdict.detail}"))
    if kernel.IS_LINUX and settings.sandbox != "off":
        kernel.hide_from_others()
    return sandbox


def diagnose_sandbox(settings: Settings, converter: Path) -> Verdict:
    """The doctor's verdict on the sandbox."""
    return _verdict(settings, converter, sandbox_for(settings, converter))


def described(settings: Settings, sandbox: Sandbox) -> Mapping[str, object]:
    """The fields of `worker.started` for what is in force, not what was asked for. `landlock_abi` is null for none."""
    return {"mode": settings.sandbox, "seccomp": sandbox.seccomp, "landlock_abi": sandbox.landlock_abi or None}


def sandbox_for(settings: Settings, converter: Path) -> Sandbox:
    """The sandbox that a command runs the converter in, whatever is required. Starts the launcher."""
    return Sandbox() if settings.sandbox == "off" else available_sandbox(str(converter))


def _verdict(settings: Settings, converter: Path, sandbox: Sandbox) -> Verdict:
    return judge_sandbox(
        settings.sandbox,
        has_seccomp=sandbox.seccomp,
        landlock_abi=sandbox.landlock_abi,
        is_script=program_of(str(converter)).is_script,
    )
