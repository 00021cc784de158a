"""What went through ffmpeg, by its own counts."""

from __future__ import annotations

from dataclasses import dataclass

from worker.adapters.ffmpeg.log import Decoded, Log
from worker.ports import SourceAudio


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through the converter, by ffmpeg's own counts."""

    read_bytes: int  # in packets of the audio stream
    decoded_frames: int
    decoded_samples: int
    decode_errors: int
    shortest_seconds: float  # the length of the decoded sound, if all had the highest of its rates
    longest_seconds: float  # its length at the lowest of the rates; the same where there is one rate
    changes: int  # of its rate or channels
    left_out_seconds: float  # the longest of the pauses that are too long to be filled with silence
    encoded_samples: tuple[int | None, ...]  # one for each output
    read_packets: int = 0  # of the audio stream
    filled_seconds: float = 0.0  # of silence in the place of pauses, at the highest rate
    filled_places: int = 0  # where silence was put: in pauses, and before sound that begins late
    frames_without_channel: int = 0  # see `Log`
    has_non_finite_samples: bool = False  # whether the filter that replaces NaN and infinity met one


def read_counts(log: Log, outputs: int, audio: SourceAudio) -> Counts | None:
    """The sample counts that ffmpeg prints at its end, of all inputs together. None where it has not printed them."""
    if not log.decoded:
        return None
    rates = {number: log.rates_hz.get(number, [audio.sample_rate_hz]) for number in log.decoded}
    parts = dict(enumerate(audio.parts or (audio,)))
    samples = {number: _samples_of_sound(each, parts.get(number, audio)) for number, each in log.decoded.items()}
    return Counts(
        read_bytes=sum(each.read_bytes for each in log.decoded.values()),
        decoded_frames=sum(each.frames for each in log.decoded.values()),
        decoded_samples=sum(each.samples for each in log.decoded.values()),
        decode_errors=sum(_errors(each, parts.get(number, audio)) for number, each in log.decoded.items()),
        shortest_seconds=sum(each / max(rates[number]) for number, each in samples.items()),
        longest_seconds=sum(each / min(rates[number]) for number, each in samples.items()),
        changes=log.changes,
        left_out_seconds=log.left_out_seconds,
        encoded_samples=tuple(log.encoded.get(index) for index in range(outputs)),
        read_packets=sum(each.packets for each in log.decoded.values()),
        filled_seconds=log.filled_samples / max(max(each) for each in rates.values()),
        filled_places=log.filled_places,
        frames_without_channel=log.frames_without_channel,
        has_non_finite_samples=log.has_non_finite_samples,
    )


def _samples_of_sound(decoded: Decoded, audio: SourceAudio) -> int:
    """Without what is left out of them: the decoder's own delay, and what fills up the last frame."""
    if audio.structure.sound_samples is None:
        return decoded.samples
    first, behind = audio.structure.sound_samples
    return max(0, min(decoded.samples, behind) - first)


def _errors(decoded: Decoded, audio: SourceAudio) -> int:
    """Of frames. FFmpeg's decoder takes what fills up a last packet of Speex for another one, and fails on it.

    Then no more is missing than its decoder's delay, for which encoders put nothing behind the sound: less than half
    a frame.
    """
    if audio.codec == "speex" and audio.structure.sound_samples is not None:
        lacking = audio.structure.sound_samples[1] - decoded.samples
        if 2 * lacking * decoded.frames < decoded.samples:
            return 0
    return decoded.errors
