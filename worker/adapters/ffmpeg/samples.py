"""Plain samples of a source: what makes it possible to give parts of it to several encoders."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from worker.adapters.ffmpeg.filters import RAW_SAMPLES, filter_graph
from worker.domain.audio import FORMATS
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.mixing import LAYOUTS
from worker.domain.splitting.pieces import Piece
from worker.ports import SourceAudio

_CONTAINERS = frozenset({Container.WAV, Container.W64, Container.AIFF, Container.AU, Container.CAF})
_PREFIX = "pcm_"
_BYTES = {"u8": 1, "s8": 1, "alaw": 1, "mulaw": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4, "f64": 8}
_HEADER_ROUNDING_SECONDS = 0.011  # to which the length in headers is printed
_SAME_SAMPLES = {("s16", 16), ("s24", 24)}
_HASHED_BYTES = 96 << 10  # malloc keeps larger blocks than 128 KiB for each thread that has read one


@dataclass(frozen=True, slots=True)
class Samples:
    """Where they lie in a file, and how many there are of each channel."""

    audio: SourceAudio
    name: str  # of the raw demuxer
    frame_bytes: int
    count: int

    def offset(self, frame: int) -> int:
        """Where a sample frame lies in the file."""
        return self.audio.structure.begin + frame * self.frame_bytes

    def given_to(self, piece: Piece) -> SourceAudio:
        """The part that a piece's encoder is given, as a source of its own."""
        begin, end = self.offset(piece.given_begin), self.offset(piece.given_end)
        return replace(
            self.audio,
            container=self.name,
            structure=Structure(begin, end, read_range=(begin, end)),
            duration_seconds=piece.given_samples / self.audio.sample_rate_hz,
            size_bytes=end - begin,
            tags={},
            cover=None,
            chapters=(),
            is_predicted=False,
        )

    def are_those_of(self, encoding: Encoding) -> bool:
        """Whether a lossless output has the very bytes of them, so that its checksum is theirs."""
        (graph, _), audio = filter_graph(self.audio, [encoding]), self.audio
        is_unchanged = "," not in graph and encoding.sample_rate_hz == audio.sample_rate_hz
        return is_unchanged and (_kind(self.name), encoding.bits_per_sample) in _SAME_SAMPLES


class SampleDigest:
    """The MD5 of samples, as FLAC states it (RFC 9639, section 8.2): the bytes of each are in little-endian order."""

    def __init__(self, samples: Samples) -> None:
        self.hashed = 0  # sample frames
        self._samples = samples
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    def update(self, source: Path, stopped: threading.Event) -> None:
        """Hash on to the end of what the file has so far, or until `stopped` is set. Blocks on disk I/O."""
        samples = self._samples
        width = _BYTES[_kind(samples.name)] if samples.name.endswith("be") else 1
        step = _HASHED_BYTES // samples.frame_bytes
        with source.open("rb", buffering=0) as file:
            file.seek(samples.offset(self.hashed))
            while not stopped.is_set() and (wanted := min(step, samples.count - self.hashed)):
                block = file.read(wanted * samples.frame_bytes)
                frames = len(block) // samples.frame_bytes
                self._md5.update(_turned(block[: frames * samples.frame_bytes], width))
                self.hashed += frames
                if frames < wanted:
                    return


def plain_samples_of(audio: SourceAudio) -> Samples | None:
    """The plain samples of a source. None unless they lie in one run, with nothing to repair and in a named layout."""
    structure, name = audio.structure, audio.codec.removeprefix(_PREFIX)
    if audio.container not in _CONTAINERS or name not in RAW_SAMPLES or audio.is_finite is not True:
        return None
    if structure.patches or structure.repairs or structure.parts or audio.parts or structure.ignores_stated_size:
        return None
    if audio.layout not in LAYOUTS or audio.track or audio.starts_at_seconds or audio.duration_seconds is None:
        return None
    frame_bytes = _BYTES[_kind(name)] * audio.channels
    count = (structure.end - structure.begin) // frame_bytes
    if abs(count / audio.sample_rate_hz - audio.duration_seconds) > _HEADER_ROUNDING_SECONDS:
        return None
    return Samples(audio, name, frame_bytes, count)


def can_be_joined(samples: Samples, encoding: Encoding) -> bool:
    """Whether the output can be made of pieces that are encoded apart.

    A lossless one only if its samples are the source's own: FLAC states their MD5, which is then that of the source.
    """
    return not FORMATS[encoding.format].is_lossless or samples.are_those_of(encoding)


def _kind(name: str) -> str:
    return name.removesuffix("le").removesuffix("be")


def _turned(block: bytes, width: int) -> bytes:
    """The bytes with each `width` of them in the other order."""
    if width == 1:
        return block
    turned = bytearray(len(block))
    for place in range(width):
        turned[place::width] = block[width - 1 - place :: width]
    return bytes(turned)
