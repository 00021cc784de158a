"""Channels: each is kept, in its place, or heard in a mix that is the same in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, channels_of, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import a_wav, level_of, samples_of, tones
from tests.support.sounds import SOUND_FORMATS, run_ffmpeg
from worker.domain.audio import FORMATS, AudioFormat

_LOSSLESS = tuple(name for name, rules in FORMATS.items() if rules.is_lossless)
_LAME = 0.07  # LAME takes all sound down by 5 %
_LOW_HZ = 80  # encoders keep nothing else of a channel of low frequencies
_MASKS = {
    "two sides": (0x600, [1000, 1300]),
    "2.1": (0xB, [1000, 1300, _LOW_HZ]),
    "back centre": (0x103, [1000, 1300, 1600]),
    "one side": (0x203, [1000, 1300, 1600]),
    "quad with sides": (0x603, [1000, 1300, 1600, 1900]),
    "5.1 with sides": (0x60F, [1000, 1300, 1600, _LOW_HZ, 1900, 2200]),
    "7.1": (0x63F, [1000, 1300, 1600, _LOW_HZ, 1900, 2200, 2500, 2800]),
    "cube": (0x2D033, [1000, 1300, 1600, 1900, 2200, 2500, 2800, 3100]),
}


@pytest.mark.parametrize("name", _MASKS)
async def test_every_channel_is_heard_in_every_format(name: str, tmp_path: Path) -> None:
    mask, frequencies = _MASKS[name]
    source = a_wav(tmp_path / "source.wav", tones(frequencies), len(frequencies), mask=mask)

    artifacts = await converted(source, tmp_path, *(an_output(each, sample_rate_hz=48_000) for each in SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        count = await channels_of(delivered(artifact))
        assert count == min(
            len(frequencies), 2 if audio_format is AudioFormat.MP3 else 6 if audio_format is AudioFormat.AAC else 8
        )
        outputs = samples_of(delivered(artifact), count)
        for frequency in frequencies:
            loudest = max(level_of(samples, frequency) for samples in outputs)
            assert loudest > 0.25 * 0.08, (audio_format, frequency)


@pytest.mark.parametrize(
    ("mask", "channels"),
    [(0x7, 3), (0x33, 4), (0x37, 5), (0x607, 5), (0x3F, 6), (0x70F, 7), (0x63F, 8)],
    ids=["3.0", "quad", "5.0", "5.0 with sides", "5.1", "6.1", "7.1"],
)
async def test_every_channel_stays_in_its_place(mask: int, channels: int, tmp_path: Path) -> None:
    frequencies = [_LOW_HZ if mask & 8 and number == 3 else 1000 + 300 * number for number in range(channels)]
    source = a_wav(tmp_path / "source.wav", tones(frequencies), channels, mask=mask)
    formats = [AudioFormat.OGG, AudioFormat.OPUS, AudioFormat.WEBM, AudioFormat.FLAC, AudioFormat.WAV]

    artifacts = await converted(source, tmp_path, *(an_output(each, sample_rate_hz=48_000) for each in formats))

    for audio_format, artifact in zip(formats, artifacts, strict=True):
        for samples, frequency in zip(samples_of(delivered(artifact), channels), frequencies, strict=True):
            assert level_of(samples, frequency) > 0.25 * 0.8, (audio_format, frequency)


_LAYOUT_IN_CAF = b"chan" + (12).to_bytes(8, "big")  # the chunk's name and size; the layout's tag follows
_C_L_R_LS_RS_LFE = (124 << 16 | 6).to_bytes(4, "big")  # kAudioChannelLayoutTag_MPEG_5_1_D of Apple's CoreAudio


async def test_channels_in_another_order_come_into_that_of_the_format(tmp_path: Path) -> None:
    frequencies = {"FC": 1000, "FL": 1300, "FR": 1600, "SL": 1900, "SR": 2200, "LFE": _LOW_HZ}
    wav, source = a_wav(tmp_path / "made.wav", tones([*frequencies.values()]), 6, mask=0x3F), tmp_path / "source.caf"
    run_ffmpeg("-i", str(wav), "-c:a", "pcm_s16be", str(source))
    made = source.read_bytes()
    tag_at = made.index(_LAYOUT_IN_CAF) + len(_LAYOUT_IN_CAF)
    source.write_bytes(made[:tag_at] + _C_L_R_LS_RS_LFE + made[tag_at + 4 :])
    formats = [*_LOSSLESS, AudioFormat.OPUS]

    artifacts = await converted(source, tmp_path, *(an_output(each, sample_rate_hz=48_000) for each in formats))

    for audio_format, artifact in zip(formats, artifacts, strict=True):
        channels = samples_of(delivered(artifact), 6)
        for name, samples in zip(("FL", "FR", "FC", "LFE", "SL", "SR"), channels, strict=True):
            assert level_of(samples, frequencies[name]) > 0.25 * 0.8, (audio_format, name)


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 7, 8])
async def test_lossless_formats_keep_discrete_tracks_to_the_sample(channels: int, tmp_path: Path) -> None:
    samples = tones([1000 + 100 * number for number in range(channels)], seconds=0.1)
    source = a_wav(tmp_path / "source.wav", samples, channels)

    artifacts = await converted(source, tmp_path, *map(an_output, _LOSSLESS))

    for artifact in artifacts:
        assert samples_of(delivered(artifact), channels) == [samples[number::channels] for number in range(channels)]


async def test_a_wav_holds_sixteen_tracks_without_positions(tmp_path: Path) -> None:
    samples = tones([1000 + 100 * number for number in range(16)], seconds=0.1)
    source = a_wav(tmp_path / "source.wav", samples, 16)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert samples_of(artifact.path, 16) == [samples[number::16] for number in range(16)]


async def test_tracks_without_positions_are_mixed_equally_to_mono_and_to_both_sides(tmp_path: Path) -> None:
    frequencies = [1000, 1300, 1600, 1900]
    source = a_wav(tmp_path / "source.wav", tones(frequencies), 4)

    mono, mp3 = await converted(
        source, tmp_path, an_output(AudioFormat.WAV, channels=1), an_output(AudioFormat.MP3, sample_rate_hz=48_000)
    )

    for samples in (*samples_of(mono.path, 1), *samples_of(mp3.path, 2)):
        assert [level_of(samples, each) for each in frequencies] == pytest.approx([0.25 / 4] * 4, rel=_LAME)


@pytest.mark.parametrize("channels", [9, 12, 16])
async def test_more_tracks_than_a_format_has_channels_are_all_heard(channels: int, tmp_path: Path) -> None:
    frequencies = [1000 + 200 * number for number in range(channels)]
    source = a_wav(tmp_path / "source.wav", tones(frequencies), channels)
    formats = [AudioFormat.FLAC, AudioFormat.M4A, AudioFormat.OPUS, AudioFormat.MP3]

    artifacts = await converted(source, tmp_path, *(an_output(each, sample_rate_hz=48_000) for each in formats))

    for audio_format, artifact in zip(formats, artifacts, strict=True):
        count = await channels_of(delivered(artifact))
        outputs = samples_of(delivered(artifact), count)
        for frequency in frequencies:
            assert max(level_of(samples, frequency) for samples in outputs) > 0.005, (audio_format, frequency)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le", "flac", "aac"])
async def test_a_mix_has_one_level_in_every_format_and_from_every_sample_format(codec: str, tmp_path: Path) -> None:
    frequencies = [1000, 1300, 1600, _LOW_HZ, 1900, 2200]
    wav = a_wav(tmp_path / "made.wav", tones(frequencies, level=0.5), 6, mask=0x3F)
    source = tmp_path / ("source.wav" if codec.startswith("pcm") else "source.mka")  # which has no layout of PCM
    run_ffmpeg("-i", str(wav), "-c:a", codec, *(("-b:a", "640k") if codec == "aac" else ()), str(source))
    formats = [AudioFormat.WAV, AudioFormat.FLAC, AudioFormat.MP3, AudioFormat.OPUS]

    artifacts = await converted(
        source, tmp_path, *(an_output(each, channels=2, sample_rate_hz=48_000) for each in formats)
    )

    whole = 1 + 0.707 + 0.5 + 0.707  # front, centre, low frequencies, back
    for audio_format, artifact in zip(formats, artifacts, strict=True):
        left = samples_of(artifact.path, 2)[0]
        assert level_of(left, 1000) == pytest.approx(0.5 / whole, rel=_LAME), audio_format
        assert level_of(left, 1600) == pytest.approx(0.5 * 0.707 / whole, rel=_LAME), audio_format
        assert level_of(left, 1300) < 0.01, audio_format


async def test_a_mix_clips_nothing(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([1000] * 6, level=1.0), 6, mask=0x3F)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV, channels=2))

    left = samples_of(artifact.path, 2)[0]
    assert max(left) == pytest.approx(32_767, rel=0.01)
    assert level_of(left, 3000) < 0.001  # a clipped tone has its third harmonic


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
async def test_mono_is_as_loud_in_stereo(codec: str, tmp_path: Path) -> None:
    wav = a_wav(tmp_path / "mono.wav", tones([1000]), 1)
    source = tmp_path / "source.wav"
    run_ffmpeg("-i", str(wav), "-c:a", codec, str(source))

    artifacts = await converted(
        source,
        tmp_path,
        *(an_output(each, channels=2, sample_rate_hz=48_000) for each in (AudioFormat.WAV, AudioFormat.MP3)),
    )

    for artifact in artifacts:
        for samples in samples_of(artifact.path, 2):
            assert level_of(samples, 1000) == pytest.approx(0.25, rel=_LAME)


@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.parametrize("name", ["source.wv", "source.tta", "source.mka"])
async def test_a_decoder_gives_no_positions_to_tracks_of_a_file_that_names_none(
    name: str, channels: int, tmp_path: Path
) -> None:
    frequencies = [1000 + 200 * number for number in range(channels)]
    samples = tones(frequencies, seconds=0.5)
    wav = a_wav(tmp_path / "made.wav", samples, channels)
    codec = "wavpack" if name.endswith("wv") else "tta"
    run_ffmpeg("-guess_layout_max", "0", "-i", str(wav), "-c:a", codec, str(tmp_path / name))

    kept, mixed = await converted(
        tmp_path / name, tmp_path, an_output(AudioFormat.WAV), an_output(AudioFormat.M4A, sample_rate_hz=48_000)
    )

    assert samples_of(kept.path, channels) == [samples[number::channels] for number in range(channels)]
    assert read_wav(kept.path.read_bytes()).mask == 0
    outputs = samples_of(delivered(mixed), channels)
    for frequency in frequencies:
        assert max(level_of(each, frequency) for each in outputs) > 0.25 * 0.4, frequency


async def test_a_wavpack_file_that_names_positions_keeps_them(tmp_path: Path) -> None:
    wav = a_wav(tmp_path / "made.wav", tones([1000, 1300, 1600, _LOW_HZ]), 4, mask=0xF)
    run_ffmpeg("-i", str(wav), "-c:a", "wavpack", str(tmp_path / "source.wv"))

    (artifact,) = await converted(tmp_path / "source.wv", tmp_path, an_output(AudioFormat.WAV))

    assert read_wav(artifact.path.read_bytes()).mask == 0xF
