"""Mutants that no test can kill, or that none should, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.code_mutants.operators import Mutant

# Kinds of which single ones may die, as patterns over `module: line: change`.
KINDS: tuple[tuple[str, str], ...] = (
    (
        r"(seconds|tolerance|_SECONDS|(?<!RATES)_HZ\b|_PART\b).*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
        "both sides are measured: that they are equal to the last bit is chance",
    ),
    (
        r"strict=(True|False).*: (True|False) turned round$",
        "strict notices mistakes in our own code, which has none here",
    ),
    (
        r"(<|>)=? _?(MAX|KEPT)_[A-Z_]+.*: (Lt|LtE|Gt|GtE) for (Lt|LtE|Gt|GtE)$",
        "a bound of effort or memory, of which the size matters and not whether it is within it",
    ),
    (
        r": _?[A-Z_]*(MAX|BYTES|LINES|WINDOW|BLOCK|CHUNK|LIMIT|AT_ONCE)[A-Z_]* = .*off by one$",
        "a bound of effort or memory, of which the size matters and not the last digit",
    ),
    (
        r"read_at\([^()]*, (\d+)\).*: \1 off by one$",
        "what is read beyond the fields is not looked at",
    ),
)

# Single ones by the same name, which must survive: a test that kills one shows its reason to be wrong.
EQUIVALENT: Mapping[str, str] = {
    "worker.adapters.ffmpeg.finite: while left > 0 and (block := file.read(min(left, _STEP_BYTES))):: Gt for GtE": (
        "nothing is read where nothing is left"
    ),
    "worker.adapters.ffmpeg.finite: while left > 0 and (block := file.read(min(left, _STEP_BYTES))):: 0 off by one": (
        "a sample has at least four bytes"
    ),
    "worker.adapters.ffmpeg.report: if returncode < 0:: Lt for LtE": "0 has been answered before",
    "worker.adapters.ffmpeg.report: if returncode < 0:: 0 off by one": "0 has been answered before",
    (
        "worker.domain.containers.asf_packets: "
        "object_bytes = _number(packet, at, 4) if replicated >= 8 else 0: 0 off by one"
    ): ("a payload has a byte at least"),
    "worker.domain.containers.flv: return 0.0: 0.0 off by one": "a millisecond is less than what is said",
    (
        "worker.domain.containers.matroska_clusters: if len(data) < 8 or data[0] != _SIMPLE_BLOCK:: 8 off by one"
    ): "a block that is not read the short way is read as any element",
    "worker.domain.containers.mp4: last_time, last_bytes = latest.get(track, (-1, 0)): 0 off by one": (
        "no fragment begins at -1, at which this size would count"
    ),
    "worker.domain.containers.mp4: last_time, last_bytes = latest.get(track, (-1, 0)): 1 off by one": (
        "no fragment begins before 0"
    ),
    "worker.domain.containers.mp4: length = indexes[0].stop - indexes[0].start: Sub for Add": (
        "the index is read by the size that it states, and what is read behind it is not"
    ),
    (
        "worker.domain.containers.matroska_clusters: "
        "if behind > stop or length < 4 or not data[header] & 0x80:: 4 off by one"
    ): "a block that is not read the short way is read as any element",
    "worker.domain.containers.ogg: stream.read_headers(page, read_at(page.body, page.end - page.body)): Sub for Add": (
        "the packets are cut out by their lengths"
    ),
    (
        "worker.domain.containers.ogg: "
        'if stream.codec and stream.codec.name == "Vorbis" and stream.packets < 3:: 3 off by one'
    ): "no packet behind the third counts",
    (
        "worker.domain.containers.ogg: "
        'if stream.codec and stream.codec.name == "Vorbis" and stream.packets < 3:: Lt for LtE'
    ): "no packet behind the third counts",
    "worker.domain.containers.ogg_codecs: if configuration < 12:: 12 off by one": "12 has 10 ms by either table",
    "worker.domain.containers.ogg_codecs: if configuration < 12:: Lt for LtE": "12 has 10 ms by either table",
    "worker.domain.containers.ogg_codecs: samples += packet_samples(read_at(offset, 2)): 2 off by one": (
        "the first two bytes say it"
    ),
    "worker.domain.containers.ogg_pages: offset, failed = start, 0: 0 off by one": "a bound of effort",
    "worker.domain.mixing: return positions if set(positions) <= set(POSITIONS) else None: LtE for Lt": (
        "no layout has all positions"
    ),
    'worker.domain.mixing: if low or len(substitutes) > 1 or substitutes == ("FC",):: 1 off by one': (
        "what goes to a pair is mixed in at -3 dB anyway"
    ),
    "worker.domain.splitting.cuts: grid, before, behind = 1, 0, 0: 1 off by one": "each frame is a multiple of 2",
    (
        "worker.domain.splitting.cuts: case AudioFormat.OPUS if encoding.channels <= 2 "
        "and (encoding.bitrate_kbps or 0) >= _OPUS_MIN_KBPS:: 0 off by one"
    ): "1 is below the limit, too",
    "worker.domain.splitting.flac: self._smallest, self._largest = 1 << 24, 0: 24 off by one": (
        "each frame is smaller than either"
    ),
    "worker.domain.splitting.flac: self._smallest, self._largest = 1 << 24, 0: 1 off by one": (
        "each frame is smaller than either"
    ),
    "worker.domain.splitting.flac: self._smallest, self._largest = 1 << 24, 0: 0 off by one": (
        "each frame is larger than either"
    ),
    (
        "worker.domain.splitting.flac: number_bytes = 1 if frame[4] < 0x80 "
        "else 8 - (frame[4] ^ 0xFF).bit_length(): 128 off by one"
    ): "no coded number begins with 0x80",
    (
        "worker.domain.splitting.flac: number_bytes = 1 if frame[4] < 0x80 "
        "else 8 - (frame[4] ^ 0xFF).bit_length(): Lt for LtE"
    ): "no coded number begins with 0x80",
    "worker.domain.splitting.mp3: frame = KIND.measure(reader.at(at, 4), 0): 4 off by one": (
        "the bytes behind a header are not read"
    ),
    "worker.domain.splitting.mp3: while len(sound) < wanted:: Lt for LtE": "what is too much is cut off behind it",
    "worker.domain.splitting.flac: lead = (0xFF00 >> count) & 0xFF: 65280 off by one": "the last bit is shifted out",
    "worker.domain.splitting.mp3: self._front_bytes = 0  # before the tag: 0 off by one": (
        "the first piece sets it before it is read"
    ),
    "worker.domain.splitting.mp4: self._media_at = 0: 0 off by one": "the first piece sets it before it is read",
    "worker.domain.splitting.mp4: self._samples = 0: 0 off by one": "the first piece sets it before it is read",
    "worker.domain.splitting.opus: self._serial = 0: 0 off by one": "the first piece sets it before it is read",
    "worker.domain.splitting.opus: self._last_granule = 0: 0 off by one": "the first piece sets it before it is read",
    "worker.domain.splitting.opus: body = piece.read_at(page.body, page.end - page.body): Sub for Add": (
        "the packets are cut out by their lengths"
    ),
}


def name_of(mutant: Mutant) -> str:
    """The name by which a survivor is listed. It does not change with the lines above it."""
    return f"{mutant.module}: {mutant.line}: {mutant.change}"


def reason_of(mutant: Mutant) -> str | None:
    """Why the mutant may survive; None where it may not."""
    name = name_of(mutant)
    return EQUIVALENT.get(name) or next((reason for pattern, reason in KINDS if re.search(pattern, name)), None)


def must_survive(mutant: Mutant) -> bool:
    return name_of(mutant) in EQUIVALENT
