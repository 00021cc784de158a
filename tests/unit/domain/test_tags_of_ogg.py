"""The comments of Ogg packet by packet: where they stand for each codec, and the pages that they are written to."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence

import pytest

from tests.support.comments import ENCODED, PNG, block
from tests.support.reading import bytes_at
from worker.domain.containers.ogg_pages import Page, page_checksum, pages
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.ogg import chapters_of_ogg, ogg_in_front, pictures_of_ogg, read_ogg
from worker.domain.tags.pictures import Picture, as_block


def a_page(*packets: bytes, number: int = 0, flags: int = 0, serial: int = 7, ends: bool = True, at: int = 0) -> bytes:
    lacing = b"".join(b"\xff" * (len(each) // 255) + bytes([len(each) % 255]) for each in packets)
    if not ends:
        lacing = lacing[:-1]
    head = b"OggS\0" + bytes([flags]) + at.to_bytes(8, "little") + serial.to_bytes(4, "little")
    page = head + number.to_bytes(4, "little") + bytes(4) + bytes([len(lacing)]) + lacing + b"".join(packets)
    return page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:]


OPUS_HEAD, VORBIS_HEAD = b"OpusHead........", b"\x01vorbis......"
SPEEX_HEAD, FLAC_HEAD = b"Speex   ......", b"\x7fFLAC\x01\0\0\x03fLaC"
COMMENTS = block(b"TITLE=A", b"CHAPTER001=00:00:01", b"METADATA_BLOCK_PICTURE=" + ENCODED)


def of_stream(head: bytes, *packets: bytes, serial: int = 7) -> bytes:
    pages = (a_page(each, number=number, serial=serial) for number, each in enumerate(packets, 1))
    return a_page(head, flags=2, serial=serial) + b"".join(pages)


@pytest.mark.parametrize(
    ("head", "packet"),
    [
        (OPUS_HEAD, b"OpusTags" + COMMENTS),
        (VORBIS_HEAD, b"\x03vorbis" + COMMENTS),
        (SPEEX_HEAD, COMMENTS),
        (FLAC_HEAD, b"\x04\0\0\x50" + COMMENTS),
    ],
)
def test_each_codec_in_ogg_has_its_comments_in_the_second_packet(head: bytes, packet: bytes) -> None:
    file = b"junk" + of_stream(head, packet, b"\xff sound")

    assert read_ogg(bytes_at(file), 4) == {"TITLE": ("A",)}
    assert list(chapters_of_ogg(bytes_at(file), 4)) == [Chapter(1.0)]
    assert list(pictures_of_ogg(bytes_at(file), 4)) == [(3, PNG.content)]


def test_a_stream_of_another_codec_has_no_comments() -> None:
    for file in (of_stream(b"\x80theora...", COMMENTS), of_stream(SPEEX_HEAD), a_page(SPEEX_HEAD) + a_page(COMMENTS)):
        assert read_ogg(bytes_at(file), 0) == {}


@pytest.mark.parametrize(("others", "tags"), [(0, {"TITLE": ("A",)}), (7, {"TITLE": ("A",)}), (8, {})])
def test_the_first_of_eight_streams_that_has_sound_counts(others: int, tags: dict[str, tuple[str, ...]]) -> None:
    heads = [a_page(b"\x80theora...", flags=2, serial=number) for number in range(100, 100 + others)]
    heads.append(a_page(OPUS_HEAD, flags=2))
    between = a_page(b"\x81theora", serial=100)
    file = b"".join(heads) + between + a_page(b"OpusTags" + COMMENTS, number=1)

    assert read_ogg(bytes_at(file), 0) == tags


def test_a_packet_may_go_on_in_the_next_page() -> None:
    packet = b"OpusTags" + block(b"TITLE=" + b"x" * 1000)
    for cut in (255, 510):
        rest = a_page(packet[cut:], number=2, flags=1)
        file = a_page(OPUS_HEAD, flags=2) + a_page(packet[:cut], number=1, ends=False) + rest
        assert read_ogg(bytes_at(file), 0) == {"TITLE": ("x" * 1000,)}


def test_a_packet_may_have_megabytes() -> None:
    packet = b"OpusTags" + block(b"METADATA_BLOCK_PICTURE=" + base64.b64encode(as_block(Picture(bytes(1 << 21), ""))))
    parts = [packet[at : at + 65_025] for at in range(0, len(packet), 65_025)]
    middle = (a_page(each, number=number, ends=False) for number, each in enumerate(parts[:-1], 1))
    file = b"".join([a_page(OPUS_HEAD, flags=2), *middle, a_page(parts[-1], number=len(parts), flags=1)])

    assert list(pictures_of_ogg(bytes_at(file), 0)) == [(3, bytes(1 << 21))]


@pytest.mark.parametrize(("others", "tags"), [(4000, {"TITLE": ("A",)}), (4200, {})])
def test_comments_are_looked_for_behind_some_thousand_pages_of_other_streams(
    others: int, tags: dict[str, tuple[str, ...]]
) -> None:
    heads = a_page(b"\x80theora...", flags=2, serial=100) + a_page(OPUS_HEAD, flags=2)
    file = heads + a_page(b"", serial=100) * others + a_page(b"OpusTags" + COMMENTS, number=1)

    assert read_ogg(bytes_at(file), 0) == tags


def test_flac_in_ogg_may_have_pictures_in_packets_of_their_own_before_its_frames() -> None:
    picture = b"\x06\0\0\x40" + as_block(PNG)
    last = b"\x86\0\0\x40" + as_block(PNG)
    other, frame = b"\x01\0\0\x40" + as_block(PNG), b"\xff\xf8"
    comments = b"\x04\0\0\x20" + block()

    for packets, count in (
        ([comments, picture, last, frame], 2),
        ([comments, other, last, frame], 1),
        ([comments, frame, picture], 0),
        ([comments, b"", picture], 0),
        ([comments, *[other] * 18, picture], 1),
        ([comments, *[other] * 19, picture], 0),
    ):
        assert list(pictures_of_ogg(bytes_at(of_stream(FLAC_HEAD, *packets)), 0)) == [(3, PNG.content)] * count
    assert list(pictures_of_ogg(bytes_at(of_stream(OPUS_HEAD, comments, picture)), 0)) == []


def applied(file: bytes, metadata: Metadata) -> bytes:
    front = ogg_in_front(bytes_at(file), metadata)
    assert front is not None
    patched = bytearray(file)
    for offset, content in front.patches:
        patched[offset : offset + len(content)] = content
    return front.prefix + bytes(patched[front.stop :])


def packets_of(read_at: ReadAt, found: Sequence[Page]) -> list[bytes]:
    packets, data = [], b""
    for page in found:
        offset = page.body
        for segment in page.lacing:
            data += read_at(offset, segment)
            offset += segment
            if segment < 255:
                packets.append(data)
                data = b""
    return packets


SOUND = [a_page(b"sound", number=number, at=960 * number) for number in (4, 5, 6)]
LENGTHS = (1, 400, 254 * 255, 255 * 255 - 50, 255 * 255, 255 * 255 + 9, 200_000)


@pytest.mark.parametrize("is_vorbis", [False, True])
@pytest.mark.parametrize("length", [*LENGTHS, *range(65_025 - 300, 65_025 - 20, 17)])
def test_headers_are_written_to_whole_pages_and_all_pages_are_in_order(length: int, *, is_vorbis: bool) -> None:
    magic = b"\x03vorbis" if is_vorbis else b"OpusTags"
    setup = [b"\x05vorbis" + b"s" * (4000 if length > 1 else 10)] if is_vorbis else []
    rest = block(b"TITLE=old") + (b"\x01" if is_vorbis else b"")
    taken = (
        [a_page(magic + rest, number=1), a_page(*setup, number=2)] if is_vorbis else [a_page(magic + rest, number=1)]
    )
    head = a_page(VORBIS_HEAD if is_vorbis else OPUS_HEAD, flags=2)

    file = applied(head + b"".join([*taken, *SOUND]), Metadata({"TITLE": ("x" * length,)}))

    found = list(pages(bytes_at(file), 0))
    *headers, _, _, _ = found
    comments = magic + block(b"TITLE=" + b"x" * length) + (b"\x01" if is_vorbis else b"")
    assert packets_of(bytes_at(file), headers)[1:] == [comments, *setup]
    assert [page.number for page in found[: len(headers)]] == list(range(len(headers)))
    assert [page.number - len(headers) for page in found[-3:]] == [4 - len(taken) - 1 + each for each in range(3)]
    assert {page.serial for page in found} == {7}
    assert [page.end for page in found] == [*[page.begin for page in found[1:]], len(file)]
    for before, page in itertools.pairwise(headers):
        assert page.flags == int(before.is_unfinished)
        assert page.granule == (0 if any(segment < 255 for segment in page.lacing) else -1)


def test_an_output_gets_a_cover_as_a_comment() -> None:
    file = applied(of_stream(OPUS_HEAD, b"OpusTags" + block()) + SOUND[0], Metadata({"TITLE": ("A",)}, PNG))

    assert list(pictures_of_ogg(bytes_at(file), 0)) == [(3, PNG.content)]
    assert read_ogg(bytes_at(file), 0) == {"TITLE": ("A",)}


@pytest.mark.parametrize(
    "headers",
    [
        [a_page(b"OpusTags" + block(), b"sound", number=1)],  # a page with sound, too
        [a_page(b"OpusTags" + block(), b"s" * 255, number=1, ends=False)],
        [a_page(b"OpusTagz" + block(), number=1)],
        [a_page(b"\x03vorbis" + block(), number=1)],
        [],
    ],
)
def test_headers_of_another_form_are_left_alone(headers: list[bytes]) -> None:
    file = a_page(OPUS_HEAD, flags=2) + b"".join(headers)

    assert ogg_in_front(bytes_at(file), Metadata({"TITLE": ("A",)})) is None
