"""What independent decoders decode of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.reference.decoders import decode
from tests.support.sweep import HeardSweep, hear_sweep

# By the suffix; the old ffmpeg reads the rest.
_SPECIALISTS: Mapping[str, Sequence[str]] = {
    ".flac": ("flac",),
    ".oga": ("flac --ogg",),
    ".mp3": ("mpg123",),
    ".aac": ("faad",),
    ".wav": ("sox",),
    ".aiff": ("sox",),
    ".au": ("sox",),
    ".wv": ("wvunpack",),
    ".ogg": ("oggdec", "opusdec"),
}


def hear_with_others(path: Path) -> dict[str, HeardSweep]:
    """By decoder. Left out are those that can make nothing of the file."""
    heard = {}
    for decoder in _SPECIALISTS.get(path.suffix, ("ffmpeg",)):
        try:
            pcm, complains = decode(decoder, path)
        except ValueError:
            continue
        heard[decoder] = hear_sweep(pcm.channel(0), pcm.rate_hz, is_clean=not complains)
    return heard
