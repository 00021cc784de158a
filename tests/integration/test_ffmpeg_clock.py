"""Time: sound that pauses, begins late or changes its format on the way is at its place in every output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support.conversions import an_output, converted, delivered
from tests.support.samples import RATE_HZ, a_wav, level_of, samples_of, tones
from tests.support.sounds import SECONDS, SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError

_TONE = ("-f", "lavfi", "-i", "sine=frequency=1000:sample_rate={rate}:duration={seconds},volume=12dB")


def a_bare_mp3(path: Path, *, rate_hz: int = 44_100, channels: int = 2, seconds: float = 1.5) -> bytes:
    made = (*_TONE[:3], _TONE[3].format(rate=rate_hz, seconds=seconds))
    run_ffmpeg(*made, "-ac", str(channels), "-write_xing", "0", "-id3v2_version", "0", str(path))
    return path.read_bytes()


def granules_of(data: bytes) -> list[int]:
    """Of the pages of an Ogg file (RFC 3533, section 6)."""
    granules, offset = [], 0
    while data[offset : offset + 4] == b"OggS":
        granules.append(int.from_bytes(data[offset + 6 : offset + 14], "little", signed=True))
        segments = data[offset + 27 : offset + 27 + data[offset + 26]]
        offset += 27 + len(segments) + sum(segments)
    return granules


def durations_in(moov: bytes) -> set[int]:
    """That the index of an MP4 states for its packets, in samples (ISO 14496-12, section 8.6.1.2)."""
    at = moov.index(b"stts")
    count = int.from_bytes(moov[at + 8 : at + 12], "big")
    return {int.from_bytes(moov[at + 16 + 8 * row : at + 20 + 8 * row], "big") for row in range(count)}


async def test_packets_of_an_mp4_are_stated_with_the_samples_that_they_have(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=30", str(source))

    aac, alac = await converted(source, tmp_path, an_output(AudioFormat.M4A), an_output(AudioFormat.ALAC))

    assert durations_in(aac.prefix) == {1024, 30 * 44_100 % 1024}
    assert durations_in(alac.prefix) == {4096, 30 * 44_100 % 4096}


@pytest.mark.parametrize("formats", [(2, 1, 2), (1, 2)], ids=["stereo first", "mono first"])
async def test_a_source_whose_channels_change_is_whole_in_every_format(
    formats: tuple[int, ...], tmp_path: Path
) -> None:
    source = tmp_path / "source.mp3"
    parts = [a_bare_mp3(tmp_path / f"{number}.mp3", channels=each) for number, each in enumerate(formats)]
    source.write_bytes(b"".join(parts))
    seconds = sum(listen(tmp_path / f"{number}.mp3").seconds for number in range(len(parts)))

    artifacts = await converted(source, tmp_path, *(an_output(each) for each in SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        heard = listen(delivered(artifact))
        assert artifact.duration_seconds == pytest.approx(seconds, abs=0.005), audio_format
        assert heard.seconds == pytest.approx(seconds, abs=0.08 if audio_format is AudioFormat.AAC else 0.01)
        assert heard.layout == ("stereo" if formats[0] == 2 else "mono"), audio_format
        assert heard.level_db == pytest.approx(listen(tmp_path / "0.mp3").level_db, abs=1), audio_format
    granules = granules_of(artifacts[list(SOUND_FORMATS).index(AudioFormat.OPUS)].path.read_bytes())
    assert granules == sorted(granules)


async def test_a_source_whose_sample_rate_changes_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    parts = [a_bare_mp3(tmp_path / f"{rate}.mp3", rate_hz=rate) for rate in (48_000, 44_100, 48_000)]
    source.write_bytes(b"".join(parts))
    seconds = 2 * listen(tmp_path / "48000.mp3").seconds + listen(tmp_path / "44100.mp3").seconds

    wav, opus = await converted(source, tmp_path, an_output(AudioFormat.WAV), an_output(AudioFormat.OPUS))

    assert listen(wav.path).seconds == pytest.approx(seconds, abs=0.005)
    assert listen(opus.path).seconds == pytest.approx(seconds, abs=0.005)
    assert wav.duration_seconds == pytest.approx(seconds, abs=0.005)


@pytest.mark.parametrize(
    ("name", "codec", "target"),
    [("mka", "libopus", "source.mka"), ("m4a", "aac", "source.m4a"), ("fragmented", "aac", "fragmented.mp4")],
)
async def test_a_pause_is_silence_and_the_sound_behind_it_keeps_its_time(
    name: str, codec: str, target: str, tmp_path: Path
) -> None:
    whole, source = tmp_path / f"whole.{'opus' if name == 'mka' else 'm4a'}", tmp_path / target
    made = a_wav(tmp_path / "made.wav", tones([1000], seconds=2), 1)
    run_ffmpeg("-i", str(made), "-c:a", codec, str(whole))
    later = f"setts=ts=TS+gte(N\\,50)*{3 * RATE_HZ}"
    flags = ("-movflags", "+frag_keyframe+empty_moov") if name == "fragmented" else ()
    run_ffmpeg("-i", str(whole), "-c", "copy", "-bsf:a", later, *flags, str(source))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(5.0, abs=0.05)
    (samples,) = samples_of(artifact.path, 1)
    assert max(map(abs, samples[int(1.3 * RATE_HZ) : int(3.8 * RATE_HZ)])) == 0
    assert level_of(samples[int(4.2 * RATE_HZ) : int(4.8 * RATE_HZ)], 1000) == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
async def test_sound_whose_decoder_leaves_out_a_frame_begins_at_once_in_every_format(
    rate_hz: int, tmp_path: Path
) -> None:
    source = tmp_path / "source.wma"
    run_ffmpeg("-i", str(sound("plain.wav")), "-ar", str(rate_hz), "-c:a", "wmav2", str(source))

    wav, *others = await converted(
        source, tmp_path, *map(an_output, (AudioFormat.WAV, AudioFormat.M4A, AudioFormat.ALAC))
    )

    for other in others:
        assert other.duration_seconds == wav.duration_seconds
        assert listen(delivered(other)).seconds == pytest.approx(wav.duration_seconds, abs=0.001)


async def test_sound_that_begins_late_begins_late(tmp_path: Path) -> None:
    source = tmp_path / "source.mka"
    late = f"setts=ts=TS+{2 * RATE_HZ}"
    run_ffmpeg("-i", str(sound("plain.opus")), "-c", "copy", "-bsf:a", late, str(source))

    artifacts = await converted(source, tmp_path, an_output(AudioFormat.WAV), an_output(AudioFormat.OPUS))

    for artifact in artifacts:
        assert artifact.duration_seconds == pytest.approx(4.3, abs=0.02)
        samples = samples_of(artifact.path, 2)[0]
        assert max(map(abs, samples[: int(1.9 * RATE_HZ)])) == 0
        assert max(map(abs, samples[int(2.1 * RATE_HZ) :])) > 1000


@pytest.mark.parametrize(("suffix", "codec", "seconds"), [("wma", "wmav2", 4.3), ("flv", "aac", 2.3)])
async def test_a_file_of_sound_alone_whose_clock_begins_late_is_whole(
    suffix: str, codec: str, seconds: float, tmp_path: Path
) -> None:
    """A recorder of FLV takes the clock of its stream, which is no silence."""
    source = tmp_path / f"late.{suffix}"
    run_ffmpeg("-itsoffset", "2", "-i", str(sound("plain.wav")), "-c:a", codec, str(source))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize(("suffix", "codec"), [("mka", "aac"), ("wma", "wmav2")])
async def test_what_a_decoder_leaves_out_of_sound_that_begins_late_is_no_pause(
    suffix: str, codec: str, tmp_path: Path
) -> None:
    source = tmp_path / f"late.{suffix}"
    run_ffmpeg("-itsoffset", "1", "-i", str(sound("plain.wav")), "-c:a", codec, "-ar", "8000", str(source))

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(1 + SECONDS, abs=0.15)
    assert outcome.repaired == ()


async def test_a_recording_that_was_cut_from_hours_of_a_stream_begins_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source.mka"
    run_ffmpeg(
        *("-i", str(sound("plain.opus")), "-c", "copy", "-bsf:a", f"setts=ts=TS+{7200 * RATE_HZ}"),
        *("-live", "1", str(source)),
    )

    artifacts = await converted(source, tmp_path, an_output(AudioFormat.M4A), an_output(AudioFormat.WAV))

    for artifact in artifacts:
        assert artifact.duration_seconds == pytest.approx(2.3, abs=0.02)
        assert listen(delivered(artifact)).seconds == pytest.approx(2.3, abs=0.02)


async def test_a_clock_that_begins_anew_leaves_no_sound_out(tmp_path: Path) -> None:
    part, source = tmp_path / "part.ts", tmp_path / "source.ts"
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", "mp2", str(part))
    source.write_bytes(part.read_bytes() * 2)
    once = listen(part).seconds

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.M4A))

    assert artifact.duration_seconds == pytest.approx(2 * once, abs=0.06)
    assert listen(delivered(artifact)).seconds == pytest.approx(2 * once, abs=0.06)


async def test_lost_frames_of_amr_are_filled_as_the_standard_says(tmp_path: Path) -> None:
    data, source = sound("plain.amr").read_bytes(), tmp_path / "source.amr"
    frames = [data[offset : offset + 32] for offset in range(6, len(data), 32)]  # 12.2 kbit/s
    source.write_bytes(
        data[:6] + b"".join(b"\x7c" if number % 20 == 9 else each for number, each in enumerate(frames))
    )

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(0.02 * len(frames), abs=0.001)


async def test_a_pause_that_is_too_long_for_silence_is_refused_by_its_length(tmp_path: Path) -> None:
    source = tmp_path / "source.mka"
    later = f"setts=ts=TS+gte(N\\,50)*{400 * RATE_HZ}"
    run_ffmpeg("-i", str(sound("plain.opus")), "-c", "copy", "-bsf:a", later, str(source))

    with pytest.raises(UnsupportedAudioError) as refused:
        await converted(source, tmp_path, an_output(AudioFormat.WAV), max_seconds=3600)

    assert str(refused.value) == (
        "the source has a pause of 400.0 s; with its channels and sample rate, 300 s is the limit"
    )


async def test_an_edit_without_a_length_goes_on_to_the_end(tmp_path: Path) -> None:
    data = bytearray(sound("end.m4a").read_bytes())
    at = data.index(b"elst") + 12
    assert data[at : at + 4] != bytes(4)
    data[at : at + 4] = bytes(4)
    (tmp_path / "source.m4a").write_bytes(data)

    (artifact,) = await converted(tmp_path / "source.m4a", tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(SECONDS, abs=0.001)
    assert listen(artifact.path).seconds == pytest.approx(SECONDS, abs=0.001)
