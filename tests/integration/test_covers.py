"""The cover of a source in each kind of tag, and in the outputs of each format, as mutagen reads it."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from mutagen.aiff import AIFF
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TIT2
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import SECONDS, listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.tags.pictures import MAX_PICTURE_BYTES

_FORMATS = (
    *(AudioFormat.MP3, AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.FLAC, AudioFormat.OGG, AudioFormat.OPUS),
    *(AudioFormat.WAV, AudioFormat.AIFF),
)
_FEW_FORMATS = (AudioFormat.MP3, AudioFormat.FLAC)
# Nothing decodes a picture, so what follows on its first bytes may be anything.
_NOISE = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(250)) * 20
_JPEG, _PNG = b"\xff\xd8\xff\xe0" + _NOISE, b"\x89PNG\r\n\x1a\n" + _NOISE
_BOOKLET, _FRONT = 6, 3


def _frames(content: bytes, *, kind: int = _FRONT, encoding: int = 3) -> APIC:
    media_type = "image/png" if content == _PNG else "image/jpeg"
    return APIC(encoding=encoding, mime=media_type, type=kind, desc=f"Bild 曲 {kind}", data=content)


def _write_id3(path: Path, content: bytes, *, version: int = 4, encoding: int = 3) -> None:
    tags = ID3()
    tags.add(TIT2(encoding=encoding, text="Ein Stück"))
    tags.add(_frames(_JPEG[:5000], kind=_BOOKLET, encoding=encoding))
    tags.add(_frames(content, encoding=encoding))
    tags.save(path, v2_version=version)


def _write_chunk(kind: Callable[[Path], Any]) -> Callable[[Path, bytes], None]:
    def write(path: Path, content: bytes) -> None:
        file = kind(path)
        if file.tags is None:
            file.add_tags()
        file.tags.add(_frames(content))
        file.save()

    return write


def _write_ape(path: Path, content: bytes) -> None:
    tags = APEv2()
    tags["Cover Art (Back)"] = APEValue(b"back.jpg\0" + _JPEG[:5000], BINARY)
    tags["Cover Art (Front)"] = APEValue(b"Deckel.jpg\0" + content, BINARY)
    tags.save(path)


def _write_mp4(path: Path, content: bytes) -> None:
    file = MP4(path)
    image = MP4Cover.FORMAT_PNG if content == _PNG else MP4Cover.FORMAT_JPEG
    file["covr"] = [MP4Cover(content, image), MP4Cover(_JPEG[:5000])]
    file.save()


def _write_attachment(path: Path, content: bytes) -> None:
    bare, picture = path.with_name("bare.webm"), path.with_name("cover.jpg")
    shutil.move(path, bare)
    picture.write_bytes(content)
    attached = ("-attach", str(picture), "-metadata:s:t", "mimetype=image/jpeg", "-metadata:s:t", "filename=cover.jpg")
    run_ffmpeg("-i", str(bare), *attached, "-c", "copy", "-f", "matroska", str(path))


def _picture(content: bytes, kind: int = _FRONT) -> Picture:
    picture = Picture()
    picture.type, picture.data, picture.desc = kind, content, f"Bild 曲 {kind}"
    picture.mime = "image/png" if content == _PNG else "image/jpeg"
    return picture


def _write_flac(path: Path, content: bytes) -> None:
    file = FLAC(path)
    file.add_picture(_picture(_JPEG[:5000], _BOOKLET))
    file.add_picture(_picture(content))
    file.save()


def _write_comment(kind: Callable[[Path], Any]) -> Callable[[Path, bytes], None]:
    def write(path: Path, content: bytes) -> None:
        file = kind(path)
        pictures = [_picture(_JPEG[:5000], _BOOKLET), _picture(content)]
        file["METADATA_BLOCK_PICTURE"] = [base64.b64encode(each.write()).decode() for each in pictures]
        file.save()

    return write


_SOURCES: Mapping[str, tuple[str, Callable[[Path, bytes], None]]] = {
    "id3v2.4": ("bare.mp3", _write_id3),
    "id3v2.3 in UTF-16": ("bare.mp3", lambda path, content: _write_id3(path, content, version=3, encoding=1)),
    "apev2": ("plain.wv", _write_ape),
    "id3 in wav": ("plain.wav", _write_chunk(WAVE)),
    "id3 in aiff": ("plain.aiff", _write_chunk(AIFF)),
    "mp4": ("end.m4a", _write_mp4),
    "flac": ("plain.flac", _write_flac),
    "matroska": ("plain.webm", _write_attachment),
    "vorbis": ("plain.ogg", _write_comment(OggVorbis)),
    "opus": ("plain.opus", _write_comment(OggOpus)),
}


def _covers_of(path: Path) -> list[tuple[bytes, str]]:
    """Content and type of each picture."""
    match path.suffix:
        case ".mp3":
            return [(frame.data, frame.mime) for frame in ID3(path).getall("APIC") if frame.type == _FRONT]
        case ".wav" | ".aiff":
            tags = (WAVE if path.suffix == ".wav" else AIFF)(path).tags
            frames = tags.getall("APIC") if tags is not None else []
            return [(frame.data, frame.mime) for frame in frames if frame.type == _FRONT]
        case ".m4a" | ".alac":
            types = {MP4Cover.FORMAT_PNG: "image/png", MP4Cover.FORMAT_JPEG: "image/jpeg"}
            return [(bytes(cover), types[cover.imageformat]) for cover in MP4(path).tags.get("covr", [])]
        case ".flac":
            pictures = FLAC(path).pictures
        case suffix:
            comments = (OggVorbis if suffix == ".ogg" else OggOpus)(path).get("metadata_block_picture", [])
            pictures = [Picture(base64.b64decode(comment)) for comment in comments]
    return [(picture.data, picture.mime) for picture in pictures if picture.type == _FRONT]


def _a_source(kind: str, directory: Path, content: bytes) -> Path:
    name, write = _SOURCES[kind]
    source = directory / f"source{Path(name).suffix}"
    shutil.copy(sound(name), source)
    write(source, content)
    return source


@pytest.mark.parametrize("kind", _SOURCES)
async def test_the_front_cover_is_in_every_output_as_the_same_bytes(kind: str, tmp_path: Path) -> None:
    content, media_type = (_PNG, "image/png") if kind in {"mp4", "flac"} else (_JPEG, "image/jpeg")
    source = _a_source(kind, tmp_path, content)

    paths = [delivered(artifact) for artifact in await converted(source, tmp_path, *map(an_output, _FORMATS))]

    for path in paths:
        assert _covers_of(path) == [(content, media_type)]
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize("kind", ["vorbis", "flac"])
@pytest.mark.parametrize(
    "content",
    [b"GIF89a" + _NOISE, b"<svg onload='alert(1)'/>", _JPEG[:3] + bytes(MAX_PICTURE_BYTES), b""],
    ids=["GIF", "SVG", "too large", "empty"],
)
async def test_a_cover_that_is_no_jpeg_or_png_or_is_too_large_is_left_out_and_the_sound_is_not(
    content: bytes, kind: str, tmp_path: Path
) -> None:
    source = tmp_path / sound(_SOURCES[kind][0]).name
    shutil.copy(sound(source.name), source)
    if kind == "flac":
        flac = FLAC(source)
        flac.add_picture(_picture(content))
        flac.save()
    else:
        vorbis = OggVorbis(source)
        vorbis["METADATA_BLOCK_PICTURE"] = ["not base64", base64.b64encode(_picture(content).write()).decode()]
        vorbis.save()

    paths = [delivered(each) for each in await converted(source, tmp_path, *map(an_output, _FEW_FORMATS))]

    for path in paths:
        assert _covers_of(path) == []
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize("kind", _SOURCES)
async def test_a_cover_of_the_largest_size_is_read_from_every_source(kind: str, tmp_path: Path) -> None:
    content = _JPEG[:3] + bytes(MAX_PICTURE_BYTES - 3)
    source = _a_source(kind, tmp_path, content)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.FLAC))

    assert _covers_of(delivered(artifact)) == [(content, "image/jpeg")]


async def test_a_cover_of_the_largest_size_is_kept(tmp_path: Path) -> None:
    content = _JPEG[:3] + bytes(MAX_PICTURE_BYTES - 3)
    source = _a_source("flac", tmp_path, content)

    paths = [delivered(each) for each in await converted(source, tmp_path, *map(an_output, _FORMATS))]

    for path in paths:
        assert _covers_of(path) == [(content, "image/jpeg")]
        assert listen(path).seconds == pytest.approx(SECONDS, abs=0.06)
