"""Which tags of a source are in its outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat

_FORMATS = (AudioFormat.MP3, AudioFormat.M4A, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS)


@pytest.mark.parametrize("name", ["plain.mp3", "end.m4a", "plain.flac", "plain.ogg"])
async def test_what_says_how_the_source_was_made_is_left_out_and_the_rest_is_kept(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    tags = {"encoded_by": "Some Encoder 1.0", "iTunSMPB": "00000840", "copyright": "Somebody"}
    options = [option for key, value in tags.items() for option in ("-metadata", f"{key}={value}")]
    run_ffmpeg("-i", str(sound(name)), "-c", "copy", "-movflags", "+use_metadata_tags", *options, str(source))
    assert "Some Encoder" in listen(source).described

    artifacts = await converted(source, tmp_path, *map(an_output, _FORMATS))

    for artifact in artifacts:
        described = listen(delivered(artifact)).described
        assert "A title" in described
        assert "Somebody" in described
        for stale in ("Some Encoder", "00000840", "iTunSMPB"):
            assert stale not in described
        if artifact.path.suffix != ".m4a":
            assert "brand" not in described
            assert "SoundHandler" not in described
