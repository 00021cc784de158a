"""Which tags of the source the outputs take over."""

from __future__ import annotations

from worker.domain.containers.sniffing import Container
from worker.ports import SourceAudio

# What says how the source was made, and is wrong of the output: the kind of MP4, the encoder, and the samples that it
# put around the sound, which players would cut off again.
_OF_THE_SOURCE_ALONE = ("major_brand", "minor_version", "compatible_brands", "encoder", "encoded_by", "iTunSMPB")
_OF_AN_MP4_TRACK = ("handler_name", "vendor_id")


def tag_options(audio: SourceAudio) -> list[str]:
    """ffmpeg's options of one output. Ogg keeps its tags on the stream, everything else on the file."""
    stream = f"0:s:{audio.track}"
    options = ["-map_metadata:g", stream if audio.container == Container.OGG else "0:g", "-map_metadata:s:a:0", stream]
    for name in _OF_THE_SOURCE_ALONE:
        options += ["-metadata:g", f"{name}=", "-metadata:s:a:0", f"{name}="]
    for name in _OF_AN_MP4_TRACK:
        options += ["-metadata:s:a:0", f"{name}="]
    return options
