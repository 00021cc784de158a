"""What is not read is refused with its reason, and not as damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted
from tests.support.sounds import run_ffmpeg
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError

_TONE = ("-f", "lavfi", "-i", "sine=duration=0.5:sample_rate=48000")
_KEY = "000102030405060708090a0b0c0d0e0f"
_ENCRYPTED = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", _KEY, "-encryption_kid", _KEY)


@pytest.mark.parametrize("codec", ["aac", "flac", "alac"])
@pytest.mark.parametrize("options", [(), ("-movflags", "+frag_keyframe+empty_moov")], ids=["whole", "fragments"])
async def test_an_mp4_that_is_encrypted(codec: str, options: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "encrypted.mp4"
    run_ffmpeg(*_TONE, "-c:a", codec, *_ENCRYPTED, *options, str(source))

    with pytest.raises(UnsupportedAudioError, match="is encrypted"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))


@pytest.mark.parametrize("name", ["ambisonic.opus", "ambisonic.mka"])
async def test_ambisonic_sound(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    sound = "aevalsrc='0.1*sin(700*t)|0.1*sin(800*t)|0.1*sin(900*t)|0.1*sin(990*t)':s=48000:d=0.5:c=ambisonic 1"
    run_ffmpeg("-f", "lavfi", "-i", sound, "-c:a", "libopus", "-mapping_family", "2", str(source))

    with pytest.raises(UnsupportedAudioError, match="ambisonic sound"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))
