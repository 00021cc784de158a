"""The pieces of a long source. Encoders that begin anew at each of them write the frames that one would write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.splitting.mp4_index import LONGEST_SAMPLES

FLAC_FRAME_SAMPLES = 4096  # the size that its encoder is given
_ALAC_FRAME_SAMPLES = 4096  # the size that its encoder takes
# Below it, libopus may encode speech with its other codec (SILK), whose state does not converge: a joint was 5 dB
# worse. For mono it does so below 10 + 0.81 * 54 kbit/s at most (mode_thresholds of opus_encoder.c).
_OPUS_MIN_KBPS = 64
_RESAMPLER_SECONDS = 0.1  # more than its filter is long at any rate
# The fields that treat each moment of the source alike. What a cut, a fade or a loudness does depends on its place.
_LOCAL = {
    *("format", "sample_rate_hz", "channels", "bits_per_sample", "bitrate_kbps", "codec", "pick_channel", "edits"),
    "output",
}
_MAX_OVERLAP = 0.1  # the share of a piece that may be encoded twice
_SHORTEST_SHARE = 0.25  # the length of the shortest pieces, at the end, as a share of that of most pieces


@dataclass(frozen=True, slots=True)
class Framing:
    """Samples of a frame, and the frames before and behind a piece that its encoder needs to be in the same state."""

    samples: int
    before: int = 0
    behind: int = 0
    longest: int | None = None  # that an output may be, in samples


@dataclass(frozen=True, slots=True)
class Piece:
    """What one encoder is given of the source, and the range from `begin` to `end` that is kept, in sample frames."""

    number: int
    begin: int
    end: int
    given_begin: int
    given_end: int
    is_last: bool

    @property
    def given_samples(self) -> int:
        return self.given_end - self.given_begin


@dataclass(frozen=True, slots=True)
class Pace:
    """How long pieces are, and from which cost on a source is split, in core-seconds (see FormatSpec.encoding_cost).

    A piece costs a process, so it must not be short; one that is given back half done is lost, so it must not be long.
    """

    piece_core_seconds: float = 2.0
    min_core_seconds: float = 3.0
    min_core_seconds_per_minute: float = 0.15  # of sound: FLAC alone costs less, and keeps up with S3


def framing_of(encoding: Encoding) -> Framing | None:
    """The framing of an output. None where its pieces do not join to what one encoder writes, or are not worth it.

    Vorbis has blocks of two sizes, whose places depend on all that came before, and so do the frames of AAC. WebM is
    not done yet.
    A part of the source, or one that is faded, is made from the whole. MP3 of a variable bitrate was not tried.
    Writing WAV is copying. Opus is split where it is sure to be CELT.
    """
    if not _is_local(encoding):
        return None
    match encoding.format:
        case AudioFormat.FLAC:
            return Framing(FLAC_FRAME_SAMPLES)
        case AudioFormat.ALAC:
            return Framing(_ALAC_FRAME_SAMPLES, longest=LONGEST_SAMPLES)
        case AudioFormat.MP3:
            # ISO 11172-3 and 13818-3: two granules of 576 samples, or one at the low rates. Joints are looked for
            # among 32 frames, behind 16 after which LAME was measured to be in the same state.
            return Framing(1152 if encoding.sample_rate_hz >= 32_000 else 576, before=40, behind=12)
        case AudioFormat.OPUS if encoding.channels <= 2 and (encoding.bitrate_kbps or 0) >= _OPUS_MIN_KBPS:
            # Packets of 20 ms. Its predictors were measured to have converged after less than a second.
            return Framing(encoding.sample_rate_hz // 50, before=50, behind=2)
    return None


def pieces_of(
    samples: int, rate_hz: int, encodings: Sequence[Encoding], most: int, pace: Pace = Pace()
) -> list[Piece]:
    """The pieces of a source of so many sample frames, for at most `most` encoders at a time.

    Empty where it is encoded as a whole.
    """
    framings = [framing_of(encoding) for encoding in encodings]
    cost_per_minute = sum(FORMATS[encoding.format].encoding_cost for encoding in encodings)
    cost = cost_per_minute / 60 * samples / rate_hz
    if most < 2 or cost < pace.min_core_seconds or cost_per_minute < pace.min_core_seconds_per_minute:
        return []
    grid, before, behind = 1, 0, 0
    for encoding, framing in zip(encodings, framings, strict=True):
        if framing is None or samples * encoding.sample_rate_hz // rate_hz > (framing.longest or math.inf):
            return []
        frame = _in_source(framing.samples, rate_hz, encoding.sample_rate_hz)
        grid = math.lcm(grid, frame[0])
        context = 0 if rate_hz == encoding.sample_rate_hz else math.ceil(_RESAMPLER_SECONDS * rate_hz)
        before, behind = (
            max(most_yet, context, math.ceil(frames * frame[1]))
            for most_yet, frames in ((before, framing.before), (behind, framing.behind))
        )
    before, behind = (math.ceil(each / grid) * grid for each in (before, behind))
    rounds = max(2, round(cost / pace.piece_core_seconds / most))
    length = math.ceil(samples / (most * rounds) / grid) * grid
    if before + behind > _MAX_OVERLAP * length:
        return []
    shortest = max(_SHORTEST_SHARE * length, (before + behind) / _MAX_OVERLAP)
    begins = _begins(samples, most, longest=length, shortest=math.ceil(shortest / grid) * grid, grid=grid)
    return [
        Piece(number, begin, end, max(0, begin - before), min(samples, end + behind), is_last=end == samples)
        for number, (begin, end) in enumerate(zip(begins, [*begins[1:], samples], strict=True))
    ]


def _begins(samples: int, encoders: int, *, longest: int, shortest: int, grid: int) -> list[int]:
    """Where pieces begin, which become shorter towards the end, so that all encoders end at about the same time.

    Each piece is one encoder's share of what is left, within limits (guided self-scheduling: Polychronopoulos and
    Kuck, IEEE Transactions on Computers C-36, 1987). A short rest belongs to the piece before it.
    """
    begins, begin = [0], 0
    while True:
        share = math.ceil((samples - begin) / encoders / grid) * grid
        begin += min(max(share, shortest), longest)
        if samples - begin <= shortest // 2:
            return begins
        begins.append(begin)


def _is_local(encoding: Encoding) -> bool:
    """Whether the encoding asks for nothing but what treats each moment of the source alike."""
    return all(getattr(encoding, each.name) == each.default for each in fields(encoding) if each.name not in _LOCAL)


def _in_source(frame: int, source_hz: int, target_hz: int) -> tuple[int, float]:
    """How many sample frames of the source make a whole number of the output's frames, and how many make one frame."""
    frames = target_hz // math.gcd(frame * source_hz, target_hz)
    return frames * frame * source_hz // target_hz, frame * source_hz / target_hz
