"""Sound as numbers: tones in chosen channels, and how loud a tone is in a channel of a file."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path

from tests.support.sounds import run_ffmpeg

RATE_HZ = 48_000
_PCM_GUID = bytes.fromhex("000000001000800000aa00389b71")


def tones(frequencies_hz: Sequence[float], *, seconds: float = 0.5, level: float = 0.25) -> array[int]:
    """Interleaved 16-bit samples: one tone a channel."""
    steps = [2 * math.pi * frequency / RATE_HZ for frequency in frequencies_hz]
    return array(
        "h", (round(32_767 * level * math.sin(step * n)) for n in range(round(RATE_HZ * seconds)) for step in steps)
    )


def a_wav(path: Path, samples: array[int], channels: int, *, mask: int | None = None) -> Path:
    """A WAV of these samples. With a mask its channels have positions (WAVEFORMATEXTENSIBLE)."""
    head = struct.pack("<HHIIHH", 1, channels, RATE_HZ, 2 * RATE_HZ * channels, 2 * channels, 16)
    if mask is not None:
        head = b"\xfe\xff" + head[2:] + struct.pack("<HHIH", 22, 16, mask, 1) + _PCM_GUID
    data = samples.tobytes()
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def samples_of(path: Path, channels: int, *, sample_format: str = "s16le") -> list[array[int]]:
    """The samples of each channel, without a mix."""
    raw = path.with_suffix(".raw")
    run_ffmpeg("-guess_layout_max", "0", "-i", str(path), "-map", "0:a:0", "-f", sample_format, str(raw))
    everything = array("h", raw.read_bytes())
    raw.unlink()
    return [everything[number::channels] for number in range(channels)]


def level_of(samples: Sequence[int], frequency_hz: float) -> float:
    """The amplitude of a tone, of full scale (Goertzel), in the middle of the samples."""
    part = samples[len(samples) // 4 : 3 * len(samples) // 4]
    factor = 2 * math.cos(2 * math.pi * frequency_hz / RATE_HZ)
    last = before = 0.0
    for sample in part:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(part) / 32_768
