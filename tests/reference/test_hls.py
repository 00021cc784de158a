"""Debian's ffmpeg plays streams by the URL of their master playlist, as a player does it."""

from __future__ import annotations

import functools
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.mutation.sources import whole
from tests.reference.decoders import decode
from tests.support.conversions import converted
from tests.support.hls import published
from tests.support.pcm import level_db, read_wav
from tests.support.sweep import hear_sweep
from worker.domain.audio import AudioFormat
from worker.domain.job import ObjectLocation, OutputSpec

_BITRATES = (48, 96, 192)
# This ffmpeg plays what the encoder puts in front (one frame), and what fills the last frame.
_SLACK_SAMPLES = 2 * 1024
_SOURCES = ("pcm.wav", "plain.flac", "plain.mp3")


@contextmanager
def served(directory: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing."""


def ffmpeg(*arguments: str) -> bytes:
    command: Sequence[str] = ("/usr/bin/ffmpeg", "-nostdin", "-v", "warning", *arguments)
    ran = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert ran.stderr == b""
    return ran.stdout


@pytest.mark.parametrize("name", _SOURCES)
async def test_each_bitrate_of_a_stream_is_the_sound_of_its_source(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(whole(name))
    expected, _ = decode("ffmpeg", source)
    sweep = hear_sweep(expected.channel(0), expected.rate_hz)
    spec = OutputSpec(ObjectLocation("b", "s/"), AudioFormat.HLS, bitrates_kbps=_BITRATES, segment_seconds=2.0)

    (artifact,) = await converted(source, tmp_path, spec)

    published(spec, artifact, tmp_path / "stream")
    with served(tmp_path / "stream") as url:
        for number in range(len(_BITRATES)):
            pcm = read_wav(ffmpeg("-i", f"{url}/master.m3u8", "-map", f"0:a:{number}", "-f", "wav", "-"))
            lacking = pcm.seconds - artifact.duration_seconds
            assert 0 <= round(lacking * pcm.rate_hz) <= _SLACK_SAMPLES
            assert pcm.channels == expected.channels
            assert level_db(pcm.channel(0)) == pytest.approx(level_db(expected.channel(0)), abs=0.8)
            heard = hear_sweep(pcm.channel(0), pcm.rate_hz)
            assert heard.missing_from(sweep, at_least=0.06) == []
            assert sweep.missing_from(heard, at_least=0.06) == []
