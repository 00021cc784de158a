"""What the first packet of a stream in Ogg says of its codec, and where the sound of a page begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from worker.domain.containers.ogg_pages import Page
from worker.domain.containers.ogg_vorbis import blocks_of, samples_of
from worker.domain.containers.structure import ReadAt

HEAD_BYTES = 80  # of the first packet: the longest header is that of Speex
_OPUS_RATE_HZ = 48_000  # whatever the rate of the source was (RFC 7845, section 4)
_SILK_SAMPLES = (480, 960, 1920, 2880)  # at 48 kHz
_HYBRID_SAMPLES = (480, 960)
_CELT_SAMPLES = (120, 240, 480, 960)
# Of these, FFmpeg 9.0 writes each frame over the second half of the one before.
_STEREO_FRAMES = "stereo in Speex with several frames a packet is not supported"
_SPEEX_DELAYS = ((40, 40), (80, 143), (160, 349))  # of decoder and encoder, by mode (SPEEX_GET_LOOKAHEAD of libspeex)


@dataclass(frozen=True, slots=True)
class OggCodec:
    """A codec of sound in Ogg.

    `longest_packet` is a number of samples. `pre_skip` is how many the decoder leaves out at the beginning.
    `settings` is what else a decoder is set up with. `decoder_delay` is how many samples FFmpeg's makes before the
    first one that was encoded, and `encoder_delay` how many the encoder puts in front of the sound. `blocks` has the
    samples of a block of Vorbis by the number of its mode.
    """

    name: str
    channels: int
    rate_hz: int
    longest_packet: int
    pre_skip: int = 0
    settings: bytes = b""
    decoder_delay: int = 0
    encoder_delay: int = 0
    problem: str | None = None  # why it cannot be decoded rightly, as a sentence
    blocks: tuple[int, ...] = ()

    def set_up(self, setup_end: bytes) -> OggCodec:
        """The codec with what the end of a setup header of Vorbis says."""
        return replace(self, blocks=blocks_of(setup_end, 2 * self.decoder_delay, self.longest_packet))


def codec_of(head: bytes) -> OggCodec | None:
    """Read the codec from the first packet of a stream. None where it is no sound, or its header makes no sense."""
    codec = next((read(head) for magic, read in _READERS if head.startswith(magic)), None)
    return codec if codec is not None and codec.rate_hz else None


def _vorbis(head: bytes) -> OggCodec:
    """Vorbis I specification, section 4.2.2. FFmpeg plays half of the first block, which is a short one."""
    return OggCodec(
        "Vorbis",
        head[11],
        int.from_bytes(head[12:16], "little"),
        1 << (head[28] >> 4),
        settings=head[28:29],
        decoder_delay=(1 << (head[28] & 15)) // 2,
    )


def _opus(head: bytes) -> OggCodec:
    """RFC 7845, section 5.1."""
    return OggCodec("Opus", head[9], _OPUS_RATE_HZ, 48 * 120, int.from_bytes(head[10:12], "little"), head[16:40])


def _flac(head: bytes) -> OggCodec:
    """RFC 9639, sections 8.2 and 10.1."""
    packed = int.from_bytes(head[27:35], "big")
    return OggCodec("FLAC", (packed >> 41 & 7) + 1, packed >> 44, int.from_bytes(head[19:21], "big"))


def _speex(head: bytes) -> OggCodec:
    """The Speex manual, section 7.1."""
    rate, channels = int.from_bytes(head[36:40], "little"), int.from_bytes(head[48:52], "little")
    frame, frames = int.from_bytes(head[56:60], "little"), int.from_bytes(head[64:68], "little")
    mode = int.from_bytes(head[40:44], "little")
    delays = _SPEEX_DELAYS[mode] if mode < len(_SPEEX_DELAYS) else (0, 0)
    return OggCodec(
        "Speex",
        channels,
        rate,
        frame * max(1, frames),
        decoder_delay=delays[0],
        encoder_delay=delays[1],
        problem=_STEREO_FRAMES if channels > 1 and frames > 1 else None,
    )


_READERS = (
    (b"\x01vorbis", _vorbis),
    (b"OpusHead", _opus),
    (b"\x7fFLAC", _flac),
    (b"Speex   ", _speex),
)


def begin_of(page: Page, codec: OggCodec, read_at: ReadAt, before: Sequence[bytes] = ()) -> int:
    """The granule position of the page's first sample. The packets `before` it have none of their own.

    For Opus and Vorbis it is exact. Packets of the others do not state their length: it is 0 where the page can begin
    there, and else, as in a recording of a live stream, the granule position at which the page ends.
    """
    if codec.name == "Opus":
        return max(0, page.granule - sum(map(packet_samples, packets_of(page, read_at))))
    if codec.blocks:
        return max(0, page.granule - samples_of([*before, *packets_of(page, read_at)], codec.blocks))
    return 0 if page.granule <= len(_packet_ends(page)) * codec.longest_packet else page.granule


def first_sample_of(page: Page, codec: OggCodec) -> int | None:
    """The first sample of the decoder's that is sound, of a stream that begins with the page at 0.

    None where FFmpeg's demuxer leaves out those before it. That of Vorbis does not where the page is the last as well,
    and that of Speex never does. Granules of Speex count without the encoder's delay, so the first page shows it;
    that of a last page is the end of the sound, and does not.
    """
    if codec.name == "Vorbis" and page.is_last:
        return codec.decoder_delay
    if codec.name == "Speex":
        in_front = len(_packet_ends(page)) * codec.longest_packet - page.granule
        return codec.decoder_delay + (codec.encoder_delay if page.is_last else in_front)
    return None


def _packet_ends(page: Page) -> list[int]:
    return [number + 1 for number, length in enumerate(page.lacing) if length < 255]


def packets_of(page: Page, read_at: ReadAt) -> list[bytes]:
    """The first two bytes of each packet that ends on the page. Of one that began on the page before, it has none."""
    packets, offset, body = [], 0, read_at(page.body, page.end - page.body)
    for first, behind in pairwise([0, *_packet_ends(page)]):
        packets.append(body[offset : offset + 2])
        offset += sum(page.lacing[first:behind])
    return packets[page.is_continued :]


def packet_samples(packet: bytes) -> int:
    """How many samples at 48 kHz a packet of Opus has that begins with these bytes (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame = _SILK_SAMPLES[configuration & 3]
    elif configuration < 16:
        frame = _HYBRID_SAMPLES[configuration & 1]
    else:
        frame = _CELT_SAMPLES[configuration & 3]
    if code < 3:
        return frame * (1 if code == 0 else 2)
    return frame * (packet[1] & 63 if len(packet) > 1 else 0)
