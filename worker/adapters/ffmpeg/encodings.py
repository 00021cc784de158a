"""How the outputs of a message are encoded from a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worker.adapters.ffmpeg.cuts import samples_of
from worker.domain.cutting import Cut, cut_of
from worker.domain.encoding import LOSSY_BITS, Encoding, check_source, encoding_for
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec
from worker.ports import MispredictedError, SourceAudio


def encodings_of(specs: Sequence[OutputSpec], audio: SourceAudio) -> list[Encoding]:
    """Raises InvalidMessageError where the source lacks what is asked for."""
    try:
        check_source(specs, channels=audio.channels)
        for index, spec in enumerate(specs):
            _require_samples(cut_of(spec), audio.sample_rate_hz, index)
    except InvalidMessageError as exc:
        if audio.is_predicted:
            raise MispredictedError from exc
        raise
    return [
        encoding_for(
            spec,
            sample_rate_hz=audio.sample_rate_hz,
            channels=audio.channels,
            bits_per_sample=audio.bits_per_sample or LOSSY_BITS,
            seconds=audio.duration_seconds,
        )
        for spec in specs
    ]


def within(encodings: Sequence[Encoding], audio: SourceAudio, source_seconds: float) -> list[Encoding]:
    """The same, with each cut as it is in a source of that length.

    Raises InvalidMessageError where one is beyond its end, or leaves nothing of it.
    """
    cut = [
        each if each.cut is None else replace(each, cut=each.cut.within(source_seconds, f"outputs[{index}]"))
        for index, each in enumerate(encodings)
    ]
    for index, each in enumerate(cut):
        _require_samples(each.cut, audio.sample_rate_hz, index)
    return cut


def _require_samples(cut: Cut | None, rate_hz: int, index: int) -> None:
    if cut is not None and cut.end_seconds is not None and samples_of(cut, rate_hz) < 1:
        raise InvalidMessageError(f"outputs[{index}].end_seconds", f"leaves no sample of a source at {rate_hz} Hz")
