"""How the outputs of a message are encoded from a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from worker.adapters.ffmpeg.cuts import cut_length_samples
from worker.domain.cutting import Cut, cut_of
from worker.domain.encoding import Encoding, check_source, counted_bits, encodings_for
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec
from worker.ports import MispredictedError, SourceAudio


def encodings_of(specs: Sequence[OutputSpec], audio: SourceAudio) -> list[Encoding]:
    """How the outputs are encoded, a stream once for each of its bitrates.

    Raises InvalidMessageError where the source lacks what is asked for.
    """
    try:
        check_source(specs, channels=audio.channels)
        for index, spec in enumerate(specs):
            require_samples(cut_of(spec), audio.sample_rate_hz, f"outputs[{index}]")
    except InvalidMessageError as exc:
        if audio.is_predicted:
            raise MispredictedError from exc
        raise
    return encodings_for(
        specs,
        sample_rate_hz=audio.sample_rate_hz,
        channels=audio.channels,
        bits_per_sample=counted_bits(audio.codec, audio.bits_per_sample),
        seconds=audio.duration_seconds,
    )


def paths_of(encodings: Sequence[Encoding], outputs: Sequence[Path]) -> list[Path]:
    """The file that each encoding is written to: its output's path, or one beside it for each bitrate of a stream."""
    paths = [outputs[each.output] for each in encodings]
    return [
        path if each.segment_seconds is None else path.with_name(f"{path.name}.{each.bitrate_kbps}k")
        for each, path in zip(encodings, paths, strict=True)
    ]


def within(encodings: Sequence[Encoding], audio: SourceAudio, source_seconds: float) -> list[Encoding]:
    """The same encodings, with each cut limited to a source of `source_seconds`.

    Raises InvalidMessageError where a cut begins beyond the source's end, or leaves nothing of it.
    """
    return [
        each
        if each.cut is None
        else replace(each, cut=cut_within(each.cut, audio, source_seconds, f"outputs[{each.output}]"))
        for each in encodings
    ]


def cut_within(cut: Cut, audio: SourceAudio, source_seconds: float, path: str) -> Cut:
    """The same for one cut. `path` is its output in the message. Raises InvalidMessageError in the same cases."""
    cut = cut.within(source_seconds, path)
    require_samples(cut, audio.sample_rate_hz, path)
    return cut


def require_samples(cut: Cut | None, rate_hz: int, path: str) -> None:
    """Check that a cut with an end leaves a sample. Raises InvalidMessageError where it does not."""
    if cut is not None and cut.end_seconds is not None and cut_length_samples(cut, rate_hz) < 1:
        raise InvalidMessageError(f"{path}.end_seconds", f"leaves no sample of a source at {rate_hz} Hz")
