"""Containers and codecs that are read and not written, through ffmpeg."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutagen.flac import FLAC

from tests.mutation.trial import convert
from tests.support import rare_sounds
from tests.support.conversions import an_output, converted
from tests.support.frames import APE_IN_FRONT, ID3_TAG
from tests.support.joins import converted_together, joined
from tests.support.sounds import listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError

BUILT = {
    "silence.mpc": (rare_sounds.MUSEPACK_8, 0.2),
    "silence.ape": (rare_sounds.ape(), 1.6945),
    "silence.dsf": (rare_sounds.dsf(), 0.4644),
    "silence.dff": (rare_sounds.dff(), 0.4535),
    "noise.gsm": (rare_sounds.gsm(), 1.0),
}
TONES = ["plain.wv", "plain.tta", "plain.ac3", "plain.eac3", "plain.dts", "plain.voc"]
IN_WAV = ["adpcm_ms.wav", "adpcm_ima_wav.wav", "adpcm_yamaha.wav", "g726.wav", "g722.wav"]


@pytest.mark.parametrize("name", [*TONES, *IN_WAV])
async def test_the_sound_comes_out_with_its_length_and_level(name: str, tmp_path: Path) -> None:
    source = sound(name)

    artifacts = await converted(source, tmp_path, an_output(AudioFormat.WAV), an_output(AudioFormat.MP3))

    for artifact in artifacts:
        heard = listen(artifact.path)
        assert heard.seconds == pytest.approx(2.3, abs=0.06)
        assert heard.level_db == pytest.approx(listen(source).level_db, abs=0.6)


@pytest.mark.parametrize("name", BUILT)
async def test_what_ffmpeg_cannot_write_is_read_with_its_length(name: str, tmp_path: Path) -> None:
    data, seconds = BUILT[name]
    (tmp_path / name).write_bytes(data)

    (artifact,) = await converted(tmp_path / name, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize("name", TONES)
async def test_half_of_it_is_refused(name: str, tmp_path: Path) -> None:
    data = sound(name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2 | 1])

    with pytest.raises(UnsupportedAudioError, match="cut off"):
        await converted(tmp_path / name, tmp_path, an_output(AudioFormat.WAV))


async def test_a_voc_whose_header_is_longer_than_that_of_all_others_is_refused(tmp_path: Path) -> None:
    data = sound("plain.voc").read_bytes()
    (tmp_path / "long.voc").write_bytes(data[:20] + (30).to_bytes(2, "little") + data[22:26] + bytes(4) + data[26:])

    with pytest.raises(UnsupportedAudioError, match="not what its first bytes say"):
        await converted(tmp_path / "long.voc", tmp_path, an_output(AudioFormat.WAV))


async def test_a_piece_that_was_cut_out_of_a_wavpack_file_is_converted(tmp_path: Path) -> None:
    piece = tmp_path / "piece.wv"
    run_ffmpeg("-ss", "1", "-i", str(sound("plain.wv")), "-c", "copy", str(piece))

    (artifact,) = await converted(piece, tmp_path, an_output(AudioFormat.WAV))

    assert listen(artifact.path).seconds == pytest.approx(1.3, abs=0.03)
    assert artifact.duration_seconds == pytest.approx(1.3, abs=0.03)


@pytest.mark.parametrize("name", ["deep.wv", "deep.tta"])
async def test_24_bits_of_a_lossless_source_are_kept(name: str, tmp_path: Path) -> None:
    (artifact,) = await converted(sound(name), tmp_path, an_output(AudioFormat.FLAC))

    raw = []
    for number, path in enumerate((sound(name), artifact.path)):
        run_ffmpeg("-i", str(path), "-f", "s24le", str(tmp_path / f"{number}.raw"))
        raw.append((tmp_path / f"{number}.raw").read_bytes())
    assert raw[0] == raw[1]


@pytest.mark.parametrize("name", ["silence.dsf", "silence.dff"])
async def test_dsd_becomes_24_bits_where_nothing_else_is_asked_for(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BUILT[name][0])
    as_asked = an_output(AudioFormat.FLAC, bits_per_sample=16)

    artifacts = await converted(tmp_path / name, tmp_path, an_output(AudioFormat.FLAC), as_asked)

    assert [FLAC(artifact.path).info.bits_per_sample for artifact in artifacts] == [24, 16]


async def test_dsd_counts_as_24_bits_among_joined_sources(tmp_path: Path) -> None:
    (tmp_path / "silence.dsf").write_bytes(rare_sounds.dsf())
    sources = [sound("plain.wav"), tmp_path / "silence.dsf"]

    together = await joined(sources, tmp_path / "joined")
    (artifact,) = await converted_together(sources, tmp_path, an_output(AudioFormat.FLAC))

    assert FLAC(artifact.path).info.bits_per_sample == 24
    assert together.audio.clips_at == 1 - 2**-15  # where a sample of the other source is clipped


@pytest.mark.parametrize("name", ["plain.wv", "plain.tta"])
async def test_one_flipped_bit_of_a_lossless_source_is_refused(name: str, tmp_path: Path) -> None:
    data = bytearray(sound(name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)

    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await converted(tmp_path / name, tmp_path, an_output(AudioFormat.WAV))


TAGGED = [*TONES[:-1], "plain.mp3", "bare.mp3", "plain.aac", "plain.flac", "plain.aiff", "alac.caf"]


@pytest.mark.parametrize("tags", [rare_sounds.ID3V1, rare_sounds.APE_TAG], ids=["ID3v1", "APE"])
@pytest.mark.parametrize("name", TAGGED)
async def test_a_tag_behind_the_sound_is_no_damage(name: str, tags: bytes, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(sound(name).read_bytes() + tags)

    outcome = await convert(source)

    assert (outcome.error, outcome.repaired) == (None, ())


BEHIND_TAGS = [
    *("plain.wav", "plain.w64", "plain.aiff", "plain.au", "plain.caf", "plain.flac", "plain.ogg", "plain.amr"),
    *("end.m4a", "front.m4a", "plain.webm", "plain.wma", "plain.ts", "video.mpg", "plain.avi", "plain.flv"),
    *("bare.mp3", "plain.aac", "plain.wv", "plain.tta", "plain.voc", "plain.ac3", "plain.eac3", "plain.dts"),
]


@pytest.mark.parametrize("name", [*BEHIND_TAGS, *BUILT])
async def test_a_tag_in_front_of_any_container_is_skipped(name: str, tmp_path: Path) -> None:
    whole = BUILT[name][0] if name in BUILT else sound(name).read_bytes()
    outcomes = []
    for number, tags in enumerate((b"", ID3_TAG, APE_IN_FRONT)):
        source = tmp_path / f"{number}-{name}"
        source.write_bytes(tags + whole)
        outcomes.append(await convert(source))

    alone, *behind_tags = outcomes
    assert alone.heard is not None
    for outcome in behind_tags:
        assert (outcome.error, outcome.repaired) == (None, alone.repaired)
        assert outcome.heard is not None
        assert outcome.heard.seconds == pytest.approx(alone.heard.seconds)
