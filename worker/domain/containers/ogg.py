"""Ogg: Vorbis, Opus, FLAC and Speex in pages (RFC 3533).

Each page has a checksum and a number, which show all damage. A decoder only skips a damaged page and plays the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from zlib import crc32

from worker.domain.containers.behind import repairs_behind
from worker.domain.containers.ogg_codecs import HEAD_BYTES, OggCodec, begin_of, codec_of, first_sample_of, packets_of
from worker.domain.containers.ogg_pages import CAPTURE, MAX_PAGES, Page, pages
from worker.domain.containers.ogg_vorbis import MODES_BYTES
from worker.domain.containers.structure import CUT_OFF, MAX_PARTS, ReadAt, Structure, damaged, range_to

_NO_HEADER = damaged("a stream of the Ogg file begins without its header")
_PAGES_MISSING = damaged("pages of the Ogg file are missing or fail their checksum")
_NO_LAST_MARK = "the Ogg stream has no end-of-stream flag; its last page is whole"
_TOO_MANY_PARTS = (
    f"the source is more than {MAX_PARTS} Ogg streams in a row whose codec, channels, sample rate or settings differ"
)
# A stream takes a kilobyte of memory, a hostile one 70 bytes of its file. These are 24 hours of 1.7 s each.
_MAX_STREAMS = 50_000
_BYTES_BETWEEN = "bytes between the pages of the Ogg file were passed over; no page is missing"


@dataclass(slots=True)
class _Stream:
    """One logical stream of a link, as far as it has been read."""

    codec: OggCodec | None  # None where it is no sound
    number: int
    is_ended: bool
    is_unfinished: bool
    pages: int = 1
    granule: int = 0
    begin: int | None = None  # the granule position at which the first page with sound begins
    first_sample: int | None = None  # of the decoder's, where its demuxer leaves out none
    missing_before_sound: int = 0
    has_gap: bool = False
    packets: int = 1  # how many of its header packets have been read
    setup: int = 0  # a checksum of the third of them, which in Vorbis has the codebooks
    setup_end: bytes = b""
    before: list[bytes] = field(default_factory=list)  # packets of Vorbis on a page that ends at 0

    @property
    def has_lost_sound(self) -> bool:
        """Whether pages are missing because of damage.

        A recording of a live stream lacks pages, too: those between the headers and the moment at which it joined.
        Far more pages are then missing than there are.
        """
        return self.has_gap or 0 < self.missing_before_sound < 2 * self.pages

    @property
    def seconds(self) -> float | None:
        """The length from the first sample to the last, pauses included (RFC 7845, section 4.1)."""
        if self.codec is None or self.begin is None:
            return None
        return max(0, self.granule - self.begin - self.codec.pre_skip) / self.codec.rate_hz

    @property
    def sound_samples(self) -> tuple[int, int] | None:
        """Those of the decoder's that are sound, where its demuxer does not say it."""
        if self.first_sample is None or self.begin != 0:
            return None
        return self.first_sample, self.first_sample + self.granule

    @property
    def parameters(self) -> tuple[object, ...]:
        """What the decoder is set up with."""
        codec = self.codec
        if codec is None or codec.name == "FLAC":  # each frame of FLAC states its own parameters
            return ("FLAC" if codec else None,)
        return codec.name, codec.channels, codec.rate_hz, codec.settings, self.setup

    def read_headers(self, page: Page, body: bytes) -> None:
        """Take a page of the headers of Vorbis, which are three packets."""
        offset = 0
        for length in page.lacing:
            if self.packets == 2:
                self.setup = crc32(body[offset : offset + length], self.setup)
                self.setup_end = (self.setup_end + body[offset : offset + length])[-MODES_BYTES:]
            offset += length
            self.packets += length < 255
            if self.packets == 3 and length < 255 and self.codec is not None:
                self.codec = self.codec.set_up(self.setup_end)

    def add(self, page: Page) -> None:
        missing = (page.number - self.number - 1) & 0xFFFF_FFFF
        if missing and self.begin is None and page.granule > 0:
            self.missing_before_sound = missing
        elif missing:
            self.has_gap = True
        self.number, self.pages = page.number, self.pages + 1
        self.is_ended, self.is_unfinished = page.is_last, page.is_unfinished
        if page.granule > 0:
            self.granule = page.granule


@dataclass(slots=True)
class _Link:
    """Streams that play at the same time: their first pages come before all others."""

    begin: int
    end: int
    streams: dict[int, _Stream] = field(default_factory=dict)
    has_data: bool = False

    @property
    def audio(self) -> list[_Stream]:
        return [stream for stream in self.streams.values() if stream.codec]

    @property
    def has_sound(self) -> bool:
        return any(stream.begin is not None for stream in self.audio)

    @property
    def parameters(self) -> list[tuple[object, ...]]:
        """What its decoders are set up with."""
        return [stream.parameters for stream in self.audio]


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether every page is there. A file may end without the flag that says so: Android's recorder never sets it."""
    links: list[_Link] = []
    count, end, between = 0, start, 0
    streams = 0
    for page in pages(read_at, start):
        count += 1
        streams += page.is_first
        if streams > _MAX_STREAMS:
            return _refused(start, size, f"{_MAX_STREAMS} Ogg streams")
        between += page.begin - end if links else 0
        end = page.end
        if not _take(page, links, read_at):
            return Structure(start, size, problem=_NO_HEADER)
    if count == MAX_PAGES:
        return _refused(start, size, f"{MAX_PAGES} Ogg pages")
    if not links:
        return Structure(start, size, problem=CUT_OFF)
    parts = _parts(links)
    problem = _problem(links, read_at, end)
    if problem is None and len(parts) > MAX_PARTS:
        problem = _TOO_MANY_PARTS
    open_ended = any(not stream.is_ended for link in links for stream in link.audio)
    repairs = [_NO_LAST_MARK] if open_ended else []
    repairs += [_BYTES_BETWEEN] if between else []
    return Structure(
        links[0].begin,
        end,
        problem=problem,
        track_seconds=_track_seconds(links),
        read_range=parts[0].read_range if len(links) > 1 == len(parts) else range_to(end, size),
        sound_samples=parts[0].sound_samples if len(parts) == 1 else None,
        parts=tuple(parts) if len(parts) > 1 else (),
        repairs=(*repairs, *repairs_behind(read_at, end, size)),
    )


def _refused(start: int, size: int, limit: str) -> Structure:
    return Structure(start, size, problem=f"the source is refused: it has more than {limit}")


def _take(page: Page, links: list[_Link], read_at: ReadAt) -> bool:
    """Put the page into its link; False where its stream has no first page."""
    if page.is_first:
        if not links or links[-1].has_data:
            links.append(_Link(page.begin, page.end))
        head = read_at(page.body, min(page.end - page.body, HEAD_BYTES)).ljust(HEAD_BYTES, b"\0")
        links[-1].streams[page.serial] = _Stream(
            codec_of(head), page.number, is_ended=page.is_last, is_unfinished=page.is_unfinished
        )
    elif links and (stream := links[-1].streams.get(page.serial)):
        links[-1].has_data = True
        stream.add(page)
        if stream.packets >= 3:  # of Vorbis; those of others are not counted
            if stream.begin is None and page.granule == 0:
                stream.before = packets_of(page, read_at)
        elif stream.codec and stream.codec.name == "Vorbis":
            stream.read_headers(page, read_at(page.body, page.end - page.body))
        if stream.codec and stream.begin is None and page.granule > 0:
            stream.begin = begin_of(page, stream.codec, read_at, stream.before)
            stream.first_sample = first_sample_of(page, stream.codec)
    else:
        return False
    links[-1].end = page.end
    return True


def _problem(links: list[_Link], read_at: ReadAt, end: int) -> str | None:
    if any(stream.has_lost_sound for link in links for stream in link.audio):
        return _PAGES_MISSING
    tail = read_at(end, len(CAPTURE))
    last = links[-1].audio
    if tail and (tail == CAPTURE[: len(tail)] or any(not stream.is_ended for stream in last)):
        return CUT_OFF
    if any(stream.is_unfinished and not stream.is_ended for stream in last):
        return CUT_OFF
    problems = (stream.codec.problem for link in links for stream in link.audio if stream.codec)
    return next(filter(None, problems), None)


def _parts(links: list[_Link]) -> list[Structure]:
    """The parts that get a decoder each: every link with sound, or, where these are too many, those alike in a row.

    One decoder for several links plays what their encoders put in front and behind, some milliseconds each; of
    links that differ, ffmpeg ends after the first, or decodes the next with the codebooks of the first.
    """
    with_sound = [link for link in links if link.has_sound]
    groups = [[link] for link in with_sound]
    if len(groups) > MAX_PARTS:
        groups = [list(group) for _, group in groupby(with_sound, key=lambda link: link.parameters)]
    return [
        Structure(
            group[0].begin,
            group[-1].end,
            track_seconds=_track_seconds(group),
            read_range=(group[0].begin, group[-1].end),
            sound_samples=_sound_samples(group),
        )
        for group in groups
    ]


def _sound_samples(links: list[_Link]) -> tuple[int, int] | None:
    """Of the only stream with sound; None where a decoder has several, or may play any of several."""
    streams = [stream for link in links for stream in link.audio]
    return streams[0].sound_samples if len(streams) == 1 else None


def _track_seconds(links: list[_Link]) -> tuple[float | None, ...]:
    """The length of each stream with sound; of joined links the sum, where each has one such stream."""
    if len(links) > 1:
        each = [link.audio[0].seconds if len(link.audio) == 1 else None for link in links]
        return (None if None in each else sum(seconds or 0 for seconds in each),)
    return tuple(stream.seconds for stream in links[0].audio)
