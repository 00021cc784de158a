"""What linters say of deploy/. They are not in the tests' own environment: `make deploy-check` installs them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import yaml  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY

ROOT = DEPLOY.parent


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_checkov_finds_nothing_in_the_templates(tool: Callable[[str], str]) -> None:
    files = [argument for file in sorted(DEPLOY.glob("*.yaml")) for argument in ("--file", str(file))]

    code, text = run(tool("checkov"), "--config-file", "deploy/.checkov.yaml", *files)

    assert (code, "Passed checks" in text) == (0, True), text


def test_each_rule_of_checkov_that_is_left_out_has_its_reason() -> None:
    text = (DEPLOY / ".checkov.yaml").read_text(encoding="utf-8")

    skipped = yaml.safe_load(text)["skip-check"]

    lines = {line.split()[1]: line for line in text.splitlines() if line.strip().startswith("- CKV")}
    assert set(lines) == set(skipped)
    assert all(len(line.partition("#")[2]) > 20 for line in lines.values())


def test_hadolint_finds_nothing_in_the_dockerfile(tool: Callable[[str], str]) -> None:
    assert run(tool("hadolint"), "Dockerfile") == (0, "")


def test_checkov_finds_nothing_in_the_dockerfile(tool: Callable[[str], str]) -> None:
    code, text = run(tool("checkov"), "--config-file", "deploy/.checkov.yaml", "--file", "Dockerfile")

    assert (code, "Passed checks" in text) == (0, True), text
