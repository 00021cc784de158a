"""An MP4 whose sound is encrypted is known by the descriptions of its samples."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.mp4 import examine
from worker.domain.tags.mp4_writing import box

ENCRYPTED = "the source is encrypted"
KEY = bytes(range(16))


def an_entry(kind: bytes, content: bytes = b"") -> bytes:
    return box(kind, b"\xff" * 28 + content)


def a_protection(is_protected: int) -> bytes:
    """As of Common Encryption."""
    schema = box(b"tenc", bytes(6) + bytes([is_protected, 8]) + KEY)
    return box(b"sinf", box(b"frma", b"mp4a") + box(b"schm", b"\xffcenc") + box(b"schi", schema))


def a_track(*entries: bytes, handler: bytes = b"soun") -> bytes:
    descriptions = box(b"stsd", b"\xff" * 8 + b"".join(entries))
    media = box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(13)) + box(b"minf", box(b"stbl", descriptions)))
    return box(b"trak", media)


def problem_of(*tracks: bytes, behind: bytes = b"") -> str | None:
    data = box(b"ftyp", b"M4A ") + box(b"moov", b"".join(tracks)) + behind + box(b"mdat", b"sound")
    return examine(reader(data), 0, len(data)).problem


AUDIBLE = box(b"esds", bytes(30)) + box(b"adrm", bytes(68))  # the checksum and the key, of an account
PLAIN, CENC = an_entry(b"mp4a"), an_entry(b"enca", a_protection(1))
PICTURES = a_track(an_entry(b"encv"), handler=b"vide")


@pytest.mark.parametrize(
    "tracks",
    [
        [a_track(CENC)],
        [a_track(an_entry(b"enca"))],
        [a_track(an_entry(b"drms"))],
        [a_track(an_entry(b"aavd", AUDIBLE))],
        [a_track(an_entry(b"mp4a", AUDIBLE))],
        [a_track(PLAIN, CENC)],
        [a_track(CENC), a_track(CENC), PICTURES],
    ],
    ids=["Common Encryption", "another", "Apple's store", "Audible", "older Audible", "from a place on", "all tracks"],
)
def test_sound_that_is_encrypted_is_refused_as_that(tracks: list[bytes]) -> None:
    assert problem_of(*tracks) == ENCRYPTED


@pytest.mark.parametrize(
    "tracks",
    [
        [a_track(PLAIN)],
        [a_track(an_entry(b"enca", a_protection(0)))],
        [a_track(an_entry(b"aavd", box(b"esds", bytes(30))))],
        [a_track(CENC), a_track(PLAIN)],
        [a_track(PLAIN), PICTURES],
        [PICTURES],
        [],
    ],
    ids=[
        "plain",
        "protected by nothing",
        "Audible's without its box",
        "one of two",
        "pictures",
        "pictures alone",
        "no track",
    ],
)
def test_sound_that_is_not_encrypted_is_none_of_that(tracks: list[bytes]) -> None:
    assert problem_of(*tracks) is None


def test_fragments_are_encrypted_as_the_index_in_front_of_them_says() -> None:
    fragment = box(b"moof", box(b"mfhd", bytes(8)))

    assert problem_of(a_track(CENC), behind=fragment) == ENCRYPTED
    assert problem_of(a_track(PLAIN), behind=fragment) is None
