"""Each layout that a WAV can name, and 1 to 16 channels without one, to every format: each channel by its own tone."""

from __future__ import annotations

import math
import re
import subprocess
from array import array
from collections.abc import Sequence
from functools import cache
from operator import mul
from pathlib import Path

import pytest

from tests.reference.decoders import decode
from tests.support.conversions import an_output, converted, delivered
from tests.support.pcm import Pcm
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import FFMPEG, SOUND_FORMATS
from worker.domain.audio import AudioFormat

# In the order of WAVEFORMATEXTENSIBLE's bits, which is the order of the channels in the file:
# https://learn.microsoft.com/en-us/windows/win32/api/mmreg/ns-mmreg-waveformatextensible
_POSITIONS = [
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
]
# Of Vorbis with seven channels, oggdec 1.4.2 makes noise.
_DECODERS = {AudioFormat.FLAC: "flac", AudioFormat.WAV: "sox", AudioFormat.OPUS: "opusdec", AudioFormat.AIFF: "sox"}
_EXACT = {AudioFormat.ALAC, AudioFormat.AIFF, AudioFormat.CAF}  # hold the samples, under names of their own
_ORDERED = {AudioFormat.WAV, AudioFormat.FLAC}  # hold any layout, and channels without a position
_XIPH = {"mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"}  # RFC 7845, section 5.1.1.2
_MPEG = {"mono", "stereo", "3.0", "4.0", "5.0", "5.1"}  # ISO 14496-3, table 1.19
_HELD = {
    AudioFormat.M4A: _MPEG,
    AudioFormat.AAC: _MPEG,
    AudioFormat.OGG: _XIPH,
    AudioFormat.OPUS: _XIPH,
    AudioFormat.WEBM: _XIPH,
}
_MOST_CHANNELS = {
    AudioFormat.WAV: 16,
    AudioFormat.AIFF: 16,
    AudioFormat.CAF: 16,
    AudioFormat.MP3: 2,
    AudioFormat.AAC: 6,
}  # of the rest: 8
_TONES_HZ = [400 + 200 * number for number in range(16)]
_LOW_HZ = 60  # encoders keep nothing else of a channel of low frequencies
_LEVEL = 0.2
_WINDOW = RATE_HZ // 10  # holds whole periods of all tones
_SAME_DB, _ABSENT_DB, _HEARD_DB = 1.5, -25.0, -26.0


@cache
def layouts() -> dict[str, list[str]]:
    """The positions of each layout by its name, as ffmpeg lists them, that a WAV can have."""
    said = subprocess.run([FFMPEG, "-v", "quiet", "-layouts"], check=True, capture_output=True, text=True).stdout
    found = {name: value.split("+") for name, value in re.findall(r"^(\S+) +([A-Z0-9+]+)$", said, re.MULTILINE)}
    return {
        name: sorted(positions, key=_POSITIONS.index)
        for name, positions in found.items()
        if set(positions) <= set(_POSITIONS) and name != "NAME"
    }


@cache
def _wave(frequency_hz: int) -> tuple[list[float], list[float]]:
    steps = [2 * math.pi * frequency_hz * number / RATE_HZ for number in range(_WINDOW)]
    return [math.sin(step) for step in steps], [math.cos(step) for step in steps]


def tone_db(samples: array[int], frequency_hz: int) -> float:
    """The level of a tone in the middle of the samples, against its level in the source."""
    begin = (len(samples) - _WINDOW) // 2
    part = samples[begin : begin + _WINDOW]
    sine, cosine = _wave(frequency_hz)
    amplitude = 2 * math.hypot(sum(map(mul, part, sine)), sum(map(mul, part, cosine))) / _WINDOW / 32_767
    return 20 * math.log10(max(amplitude, 1e-6) / _LEVEL)


def levels(pcm: Pcm, frequencies: Sequence[int]) -> list[list[float]]:
    """By channel of the output: the level of each tone."""
    return [[tone_db(pcm.channel(number), each) for each in frequencies] for number in range(pcm.channels)]


async def assert_each_channel_is_kept_or_heard(
    source: Path, frequencies: list[int], directory: Path, layout: str | None = None
) -> None:
    artifacts = await converted(
        source, directory, *(an_output(each, sample_rate_hz=RATE_HZ) for each in SOUND_FORMATS)
    )
    original, _ = decode("sox", source)
    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        pcm, _ = decode(_DECODERS.get(audio_format, "ffmpeg"), delivered(artifact))
        assert pcm.channels == min(len(frequencies), _MOST_CHANNELS.get(audio_format, 8)), audio_format
        found = levels(pcm, frequencies)
        for number, frequency in enumerate(frequencies):
            assert max(channel[number] for channel in found) > _HEARD_DB, (audio_format, frequency, "is lost")
        if pcm.channels != len(frequencies):
            continue
        if audio_format in _ORDERED | _EXACT or layout in _HELD.get(audio_format, ()):
            assert_one_tone_a_channel(audio_format, found)
        if layout in _HELD.get(audio_format, ()):
            assert [channel.index(max(channel)) for channel in found] == list(range(pcm.channels)), audio_format
        if audio_format in _ORDERED:
            for number in range(pcm.channels):
                assert pcm.channel(number) == original.channel(number), (audio_format, number)


def assert_one_tone_a_channel(audio_format: AudioFormat, found: list[list[float]]) -> None:
    places = [channel.index(max(channel)) for channel in found]
    assert sorted(places) == list(range(len(found))), (audio_format, "channels are doubled or swapped", places)
    for channel, place in zip(found, places, strict=True):
        assert channel[place] == pytest.approx(0, abs=_SAME_DB), audio_format
        others = channel[:place] + channel[place + 1 :]
        assert max(others, default=-math.inf) < _ABSENT_DB, audio_format


@pytest.mark.parametrize("name", layouts())
async def test_a_layout_keeps_its_channels(name: str, tmp_path: Path) -> None:
    positions = layouts()[name]
    frequencies = [_LOW_HZ if each == "LFE" else _TONES_HZ[number] for number, each in enumerate(positions)]
    mask = sum(1 << _POSITIONS.index(each) for each in positions)
    samples = tones(frequencies, seconds=0.4, level=_LEVEL)
    source = a_wav(tmp_path / "source.wav", samples, len(positions), mask=mask)

    await assert_each_channel_is_kept_or_heard(source, frequencies, tmp_path, name)


@pytest.mark.parametrize("discrete", range(1, 17))
async def test_channels_without_positions_are_kept(discrete: int, tmp_path: Path) -> None:
    frequencies = _TONES_HZ[:discrete]
    samples = tones(frequencies, seconds=0.4, level=_LEVEL)
    source = a_wav(tmp_path / "source.wav", samples, discrete, mask=None if discrete <= 2 else 0)

    await assert_each_channel_is_kept_or_heard(source, frequencies, tmp_path)


def test_the_layouts_are_those_that_people_have() -> None:
    assert len(layouts()) >= 23
