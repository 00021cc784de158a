"""Containers whose header says all: ffmpeg need not guess from their samples, and finds the same."""

from __future__ import annotations

import re
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.sounds import FFMPEG, run_ffmpeg
from worker.adapters.ffmpeg.command import probe_command
from worker.adapters.ffmpeg.files import inspect
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure

_TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=0.7,volume=4dB")
_CODECS = {
    "wav": (
        *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_mulaw", "pcm_alaw"),
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_yamaha", "libmp3lame", "ac3"),
    ),
    "w64": ("pcm_u8", "pcm_s16le", "pcm_f32le", "pcm_alaw", "adpcm_ms"),
    "aiff": ("pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be", "pcm_alaw", "adpcm_ima_qt"),
    "caf": ("pcm_s8", "pcm_s16be", "pcm_s16le", "pcm_s24le", "pcm_f32be", "pcm_f64le", "pcm_mulaw", "alac", "flac"),
    "au": ("pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be", "pcm_alaw", "pcm_mulaw"),
}
_KINDS: dict[str, Sequence[str]] = {
    **{f"{codec}.{name}": ("-ac", "2", "-c:a", codec) for name, codecs in _CODECS.items() for codec in codecs},
    **{f"six.{name}": ("-ac", "6") for name in _CODECS},
    "rf64.wav": ("-ac", "2", "-rf64", "always"),
    "bext.wav": ("-write_bext", "1", "-metadata", "description=a take"),
    "narrow.wav": ("-ar", "8000", "-ac", "1"),
}
_STREAMS_IN_PCM = {
    "dts": ("-c:a", "dca", "-strict", "-2", "-b:a", "1411200"),
    "spdif": ("-c:a", "ac3", "-b:a", "448k"),
}
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def _without_small_probe(command: Sequence[str]) -> list[str]:
    """The command as it would be with ffmpeg's own 5 MB."""
    at = command.index("-probesize")
    return [*command[:at], *command[at + 2 :]]


def _found(command: Sequence[str], source: Path) -> tuple[int, str, str]:
    """What ffmpeg prints of the tracks, and how it describes the source."""
    with source.open("rb") as file:
        ended = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, _ADDRESS.sub("", ended.stderr).partition("\n[out#0")[0]


def _check(source: Path) -> None:
    inspected = inspect(source)
    probe = probe_command(FFMPEG, inspected.container, 0, inspected.structure)
    decode = [*probe[: probe.index("-map")], "-map", "0:a:0", "-c:a", "pcm_f64le", "-f", "md5", "pipe:1"]

    for command in (probe, decode):
        found, expected = _found(command, source), _found(_without_small_probe(command), source)

        assert expected[0] == 0
        assert found == expected


@pytest.mark.parametrize("kind", _KINDS)
def test_samples_need_no_guess(kind: str, tmp_path: Path) -> None:
    source = tmp_path / kind
    run_ffmpeg(*_TONE, *_KINDS[kind], str(source))

    _check(source)


@pytest.mark.parametrize("muxer", _STREAMS_IN_PCM)
def test_a_coded_stream_in_the_place_of_samples_is_found_all_the_same(muxer: str, tmp_path: Path) -> None:
    coded, source = tmp_path / "coded", tmp_path / "source.wav"
    run_ffmpeg(*_TONE, "-ar", "48000", "-ac", "2", *_STREAMS_IN_PCM[muxer], "-f", muxer, str(coded))
    with wave.open(str(source), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(coded.read_bytes())

    _check(source)


def test_other_containers_are_probed_as_far_as_ffmpeg_wants() -> None:
    small = {
        container for container in Container if "-probesize" in probe_command(FFMPEG, container, 3, Structure(0, 1))
    }

    assert small == {Container.WAV, Container.W64, Container.AIFF, Container.CAF, Container.AU}
