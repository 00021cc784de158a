"""Mutants of a small module die by its tests, in functions as well as where a module is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.code_mutants.suites import ROOT


@pytest.mark.slow
@pytest.mark.timeout(330)  # it computes, and so takes what a busy machine leaves it
def test_the_mutants_of_a_tested_module_die() -> None:
    command = [sys.executable, "-m", "tests.code_mutants.run", "--count", "0", "worker/domain/completion.py"]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    name, died, *rest = run.stdout.splitlines()[-1].split()
    named, alive, share = rest
    assert (name, alive, share) == ("all", "0", "100.0%")
    assert int(died) > 10
    assert int(named) > 0
