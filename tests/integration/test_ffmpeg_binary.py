"""The program that is named as ffmpeg: there or not, working or not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.support.sounds import sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.errors import ConverterCrashedError


async def test_a_binary_that_is_no_program_is_an_error_of_ours(tmp_path: Path) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)

    with pytest.raises(ConverterCrashedError, match="code 7"):
        await FfmpegConverter(str(broken)).probe(sound("plain.wav"))


async def test_a_binary_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ConverterCrashedError):
        await FfmpegConverter(str(tmp_path / "absent")).probe(sound("plain.wav"))
