"""What a source turned out to be: `source_audio` of a record (docs/progress.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from worker.domain.declaration import Field
from worker.domain.limits import AtLeast

# By FFmpeg's names of demuxers, where people know the file by another one.
_CONTAINERS = {
    "mov": "mp4",
    "aac": "adts",
    "mpeg": "mpegps",
    "wv": "wavpack",
    "mpc": "musepack",
    "mpc8": "musepack",
    "iff": "dff",
}


def container_name(demuxer: str) -> str:
    """What people call the container that FFmpeg's demuxer reads."""
    return _CONTAINERS.get(demuxer, demuxer)


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """The format of a source and its length, as it was converted."""

    container: Annotated[str, Field("What kind of file the source is, such as wav, mp4 or ogg.")]
    codec: Annotated[str, Field("How its sound is encoded, by FFmpeg's name, such as pcm_s16le, aac or opus.")]
    sample_rate_hz: Annotated[int, Field("Sample rate in Hz.", AtLeast(1))]
    channels: Annotated[int, Field("Number of channels.", AtLeast(1))]
    bits_per_sample: Annotated[int | None, Field("Depth of a stored sample; null for lossy codecs.", AtLeast(1))]
    duration_seconds: Annotated[
        float | None, Field("Length of the sound; null where only the conversion can find it out.", AtLeast(0))
    ]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> SourceFormat | None:
        """Read what `to_dict` wrote; members that a newer worker added are passed over. Raises KeyError, TypeError."""
        return None if data is None else cls(*(data[name] for name in cls.__slots__))
