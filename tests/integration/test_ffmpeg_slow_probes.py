"""Headers that take too long to read: by the CPU time that they take, and else by the time of the wall."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sounds import sound
from worker.adapters.ffmpeg import FfmpegConverter, converter
from worker.domain.errors import ErrorCode, StalledError, UnsupportedAudioError

_FIRST_ONLY = 'case "$*" in *0:a:u*) ;; *) exit 234 ;; esac'  # a track may lack packets: the probe looks once more


def a_converter(directory: Path, *lines: str) -> FfmpegConverter:
    path = directory / "ffmpeg"
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
    path.chmod(0o755)
    return FfmpegConverter(str(path))


@pytest.mark.parametrize("before", [(), (_FIRST_ONLY,)], ids=["first look", "second look"])
async def test_headers_that_take_too_much_cpu_time_are_refused(
    before: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converter, "_PROBE_CPU_SECONDS", 1)

    with pytest.raises(UnsupportedAudioError) as caught:
        await a_converter(tmp_path, *before, "while :; do :; done").probe(sound("plain.ts"))

    assert str(caught.value) == "the source's headers take more than 1 s of CPU time to read"


@pytest.mark.parametrize("before", [(), (_FIRST_ONLY,)], ids=["first look", "second look"])
async def test_headers_that_are_not_read_in_time_are_tried_again_as_a_stall(
    before: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converter, "_PROBE_SECONDS", 1.0)

    with pytest.raises(StalledError) as caught:
        await a_converter(tmp_path, *before, "exec sleep 1000").probe(sound("plain.ts"))

    assert str(caught.value) == "the source's headers were not read for 1 s"
    assert caught.value.code is ErrorCode.STALLED
    assert caught.value.retryable


async def test_a_converter_that_is_killed_by_others_is_a_crash(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="the converter was ended by SIGKILL") as caught:
        await a_converter(tmp_path, "kill -KILL $$").probe(sound("plain.ts"))

    assert caught.value.code is ErrorCode.CONVERTER_CRASHED  # type: ignore[attr-defined]
