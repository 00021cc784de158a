"""Predicts what ffmpeg will say of a source, and compares that with what it says while it converts."""

from __future__ import annotations

from dataclasses import replace

from worker.adapters.ffmpeg.command import has_own_clock
from worker.adapters.ffmpeg.files import Inspected
from worker.adapters.ffmpeg.filters import late_seconds
from worker.adapters.ffmpeg.finite import Floats
from worker.adapters.ffmpeg.log import MAX_DESCRIPTION_BYTES, Log
from worker.adapters.ffmpeg.printed_headers import Headers, has_packet, read_headers
from worker.adapters.ffmpeg.tags import described_chapters, described_tags, metadata_of
from worker.domain.containers.kinds import Container
from worker.domain.errors import UnsupportedAudioError
from worker.ports import MispredictedError, SourceAudio

MAX_PRINTED_BYTES = 65_536
_HUNDREDTHS_PER_SECOND = 100
_WITHOUT_POSITIONS = frozenset({"tta"})  # in any container: its header counts the channels
_LAYOUTS = {1: "mono", 2: "stereo"}
_OUTPUT_BEGINS = "\nOutput #"


def predicted_headers(inspected: Inspected) -> Headers | None:
    """The headers that a probe would read, where the source's own headers state all of them exactly; else None."""
    stated = inspected.stated
    if stated is None:
        return None
    return Headers(
        codec=stated.codec,
        sample_rate_hz=stated.sample_rate_hz,
        channels=stated.channels,
        layout=_LAYOUTS[stated.channels],
        bits_per_sample=stated.bits_per_sample,
        is_float=stated.codec.startswith("pcm_f"),
        # As ffmpeg prints it: rounded to hundredths of a second.
        duration_seconds=None
        if stated.seconds is None
        else int(stated.seconds * _HUNDREDTHS_PER_SECOND + 1 / 2) / _HUNDREDTHS_PER_SECOND,
        track=0,
        audio_track=0,
        starts_at_seconds=0.0,
    )


def of_first_frame(headers: Headers, inspected: Inspected) -> Headers:
    """The same, with the channels that MPEG audio begins with.

    FFmpeg describes the last of the frames that it has looked at, which may be a second and more of them.
    """
    channels = inspected.first_channels
    if channels is None or channels == headers.channels:
        return headers
    return replace(headers, channels=channels, layout=_LAYOUTS[channels])


def source_audio(inspected: Inspected, headers: Headers, described: str, floats: Floats) -> SourceAudio:
    """What is known of the source, by its headers and by ffmpeg's description of it."""
    audio = SourceAudio(
        container=inspected.container.value,
        codec=headers.codec,
        sample_rate_hz=headers.sample_rate_hz,
        channels=headers.channels,
        bits_per_sample=headers.bits_per_sample,
        duration_seconds=None,
        size_bytes=inspected.size_bytes,
        structure=inspected.structure,
        layout=_layout(inspected, headers),
        track=headers.track,
        starts_at_seconds=headers.starts_at_seconds,
        tags=inspected.metadata.tags or described_tags(described, inspected.container),
        cover=inspected.metadata.cover,
        chapters=inspected.metadata.chapters or described_chapters(described),
        loses_frames=inspected.structure.loses_frames,
        is_finite=floats.are_finite,
        may_be_huge=floats.may_be_huge,
    )
    return replace(audio, duration_seconds=_expected_seconds(audio, headers))


def _layout(inspected: Inspected, headers: Headers) -> str:
    """The source's layout: discrete channels where it names no positions, although its decoder assumes some."""
    names_positions = inspected.structure.names_positions and headers.codec not in _WITHOUT_POSITIONS
    return headers.layout if names_positions or headers.channels <= 2 else f"{headers.channels} channels"


def _expected_seconds(audio: SourceAudio, headers: Headers) -> float | None:
    """How long the outputs should be in seconds, by the track's length in the structure, or else by the demuxer."""
    silence = late_seconds(audio)
    if tracks := audio.structure.track_seconds:
        seconds = tracks[headers.audio_track] if headers.audio_track < len(tracks) else None
        return None if seconds is None else seconds + silence
    if headers.duration_seconds is None or not has_own_clock(audio.container):
        return headers.duration_seconds
    return max(0.0, headers.duration_seconds - audio.starts_at_seconds + silence)


def of_changing_format(audio: SourceAudio) -> SourceAudio:
    """The source as it is converted where its format changes on the way: without silence before its sound."""
    changing = replace(audio, changes_format=True)
    if audio.duration_seconds is None:
        return changing
    return replace(changing, duration_seconds=audio.duration_seconds - late_seconds(audio) + late_seconds(changing))


class PredictionCheck:
    """Compares a source as it was predicted with what ffmpeg prints and says while it converts it.

    The same muxer prints the same lines as in a probe, and they are read in the same way. For a source that was not
    predicted nothing is checked.
    """

    def __init__(self, audio: SourceAudio) -> None:
        self._predicted = replace(audio, is_predicted=False)
        self._is_right = not audio.is_predicted
        self._printed = bytearray()

    @property
    def is_right(self) -> bool:
        """Whether ffmpeg has said the same, or nothing is checked."""
        return self._is_right

    def feed(self, chunk: bytes) -> None:
        self._printed += chunk[: MAX_PRINTED_BYTES - len(self._printed)]

    def early(self, log: Log) -> None:
        """Check while ffmpeg runs, as soon as it has said all that is compared. Raises MispredictedError.

        So no long conversion is done in vain.
        """
        is_described = _OUTPUT_BEGINS in log.described or log.is_description_full
        if not self._is_right and is_described and has_packet(self._facts):
            self.final(log)

    def final(self, log: Log) -> None:
        """Check what ffmpeg has said. Raises MispredictedError where that differs, or is not complete."""
        if self._is_right:
            return
        predicted = self._predicted
        inspected = Inspected(
            Container(predicted.container), predicted.structure, predicted.size_bytes, metadata_of(predicted)
        )
        described = log.described.partition(_OUTPUT_BEGINS)[0] + "\n"
        try:
            headers = read_headers(self._facts, log)
        except UnsupportedAudioError as exc:
            raise MispredictedError from exc
        said = source_audio(inspected, headers, described, Floats(predicted.is_finite, predicted.may_be_huge))
        self._is_right = said == predicted and log.said_bytes <= MAX_DESCRIPTION_BYTES
        if not self._is_right:
            raise MispredictedError

    @property
    def _facts(self) -> str:
        return self._printed.decode("utf-8", "replace")
