"""The platforms that the image can be built for: nothing is compiled in it, so each package needs a wheel for them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_28", "linux/arm64": "aarch64-manylinux_2_28"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_package_of_the_image_has_a_wheel_for_the_platform_that_the_lock_knows(
    platform: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    tool("checkov")  # skips where the tools of deploy/ are not installed, as where no package index is in reach
    base = re.search(r"BASE_IMAGE=python:(\d+\.\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert base is not None
    options = ("--dry-run", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")
    python = ("--python-platform", PLATFORMS[platform], "--python-version", base[1], "--target", str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", *options, *python, "-r", "locks/runtime.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    if "Failed to fetch" in done.stderr:
        pytest.skip("needs a package index that uv reaches")
    assert done.returncode == 0, done.stderr
