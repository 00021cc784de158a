"""Joined sources: one sound of the right samples, and nothing of a source is lost without a word about it."""

from __future__ import annotations

import asyncio
from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.joins import converted_together, floats_in, joined
from tests.support.pcm import read_wav
from tests.support.samples import RATE_HZ, a_wav, level_of, samples_of, tones
from tests.support.sounds import SECONDS, SOUND_FORMATS, half_of, listen, run_ffmpeg, sound
from tests.support.waiting import wait_until
from worker.domain.audio import AudioFormat
from worker.domain.errors import DurationTooLongError, InvalidMessageError, UnsupportedAudioError
from worker.ports import ConversionProgress, OutputLimitError


def a_ramp(seconds: float, *, seed: int = 7919) -> array[int]:
    """Mono, in which hardly two samples near each other are alike."""
    return array("h", ((number * seed) % 60_000 - 30_000 for number in range(round(seconds * RATE_HZ))))


def wav_samples(path: Path) -> array[int]:
    return array("h", read_wav(path.read_bytes()).frames)


def crossfaded(first: array[int], second: array[int], frames: int) -> list[float]:
    """Two sounds in mono that are heard together for so many frames, by the rule of the documentation."""
    weights = [(number + 0.5) / frames for number in range(frames)]
    mixed = [
        a * (1 - weight) + b * weight
        for a, b, weight in zip(first[len(first) - frames :], second[:frames], weights, strict=True)
    ]
    return [*first[: len(first) - frames], *mixed, *second[frames:]]


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC])
async def test_sources_of_one_format_are_joined_sample_by_sample(audio_format: AudioFormat, tmp_path: Path) -> None:
    sounds = [a_ramp(1.00002), a_ramp(0.5, seed=31), a_ramp(1 / RATE_HZ, seed=3)]
    sources = [a_wav(tmp_path / f"{number}.wav", samples, 1) for number, samples in enumerate(sounds)]

    (artifact,) = await converted_together(sources, tmp_path, an_output(audio_format))

    expected = sum(sounds, array("h"))
    assert samples_of(delivered(artifact), 1)[0] == expected
    assert artifact.duration_seconds == len(expected) / RATE_HZ


async def test_each_part_is_cut_to_the_sample(tmp_path: Path) -> None:
    first, second = a_ramp(2), a_ramp(3, seed=31)
    sources = [a_wav(tmp_path / f"{number}.wav", samples, 1) for number, samples in enumerate([first, second])]
    cuts = [
        (sources[0], {"start_seconds": 0.5, "end_seconds": 1.25}),
        (sources[1], {"end_seconds": 1.000021}),
        (sources[1], {"start_seconds": 2.9}),
        (sources[1], {"start_seconds": 0.1, "end_seconds": 3.0}),
    ]

    (artifact,) = await converted_together(cuts, tmp_path, an_output(AudioFormat.WAV))

    assert wav_samples(artifact.path) == (
        first[24_000:60_000] + second[:48_001] + second[round(2.9 * RATE_HZ) :] + second[4800:]
    )


@pytest.mark.parametrize("seconds", [0.1, 0.25, 1 / RATE_HZ])
async def test_a_crossfade_mixes_the_end_of_a_part_with_the_beginning_of_the_next(
    seconds: float, tmp_path: Path
) -> None:
    sounds = [a_ramp(0.6), a_ramp(0.7, seed=31), a_ramp(0.5, seed=131)]
    sources = [a_wav(tmp_path / f"{number}.wav", samples, 1) for number, samples in enumerate(sounds)]
    frames = round(seconds * RATE_HZ)

    (artifact,) = await converted_together(sources, tmp_path, an_output(AudioFormat.WAV), crossfade_seconds=seconds)

    first_two = crossfaded(sounds[0], sounds[1], frames)
    expected = crossfaded(first_two, sounds[2], frames)  # type: ignore[arg-type]
    heard = wav_samples(artifact.path)
    assert len(heard) == sum(map(len, sounds)) - 2 * frames
    assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) <= 0.51


async def test_a_crossfade_of_one_sound_with_itself_changes_no_level(tmp_path: Path) -> None:
    level = array("h", [10_000, -5000] * RATE_HZ)
    source = a_wav(tmp_path / "source.wav", level, 2)

    (artifact,) = await converted_together(
        [source, source], tmp_path, an_output(AudioFormat.WAV), crossfade_seconds=0.5
    )

    assert wav_samples(artifact.path) == array("h", [10_000, -5000] * (RATE_HZ + RATE_HZ // 2))


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus", "ogg", "flac"])
async def test_a_joint_of_what_encoders_have_padded_has_no_gap(suffix: str, tmp_path: Path) -> None:
    whole = tones([440], seconds=2)
    halves = [whole[:RATE_HZ], whole[RATE_HZ:]]
    sources = []
    for number, samples in enumerate(halves):
        made = a_wav(tmp_path / f"{number}.wav", samples, 1)
        sources.append(tmp_path / f"{number}.{suffix}")
        run_ffmpeg("-i", str(made), "-b:a", "128k", str(sources[-1]))

    (artifact,) = await converted_together(sources, tmp_path, an_output(AudioFormat.WAV))
    heard = wav_samples(artifact.path)
    (alone,) = await converted(sources[1], tmp_path, an_output(AudioFormat.WAV))

    assert len(heard) == 2 * RATE_HZ
    assert heard[RATE_HZ:] == wav_samples(alone.path)


async def test_sources_are_joined_at_the_highest_rate_and_the_most_channels(tmp_path: Path) -> None:
    low = tmp_path / "low.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=22050:duration=0.5,volume=12dB", str(low))
    wide = a_wav(tmp_path / "wide.wav", tones([440, 1300], seconds=0.5), 2)

    sound = await joined([low, wide, sound_of_six(tmp_path)], tmp_path / "joined")

    audio = sound.audio
    assert (audio.sample_rate_hz, audio.channels, audio.layout) == (RATE_HZ, 6, "5.1")
    assert audio.duration_seconds == pytest.approx(1.5, abs=0.0005)
    samples = floats_in(tmp_path / "joined")
    first = [array("h", (round(32_767 * each) for each in samples[channel : 6 * 24_000 : 6])) for channel in range(6)]
    second = [
        array("h", (round(32_767 * each) for each in samples[6 * 24_000 + channel : 6 * 48_000 : 6]))
        for channel in range(6)
    ]
    assert [round(level_of(channel, 1000), 2) for channel in first] == [0, 0, 0.5, 0, 0, 0]
    assert [round(level_of(second[channel], hertz), 2) for channel, hertz in ((0, 440), (1, 1300))] == [0.25, 0.25]
    assert [max(map(abs, channel)) for channel in second[2:]] == [0, 0, 0, 0]


def sound_of_six(directory: Path) -> Path:
    return a_wav(directory / "six.wav", tones([440, 1000, 1300, 80, 1600, 1900], seconds=0.5), 6, mask=0x3F)


async def test_mono_beside_stereo_is_heard_at_its_level_in_both_channels(tmp_path: Path) -> None:
    mono = a_wav(tmp_path / "mono.wav", tones([440], seconds=0.5), 1)
    stereo = a_wav(tmp_path / "stereo.wav", tones([1000, 1300], seconds=0.5), 2)

    (artifact,) = await converted_together([mono, stereo], tmp_path, an_output(AudioFormat.WAV))

    left, right = samples_of(artifact.path, 2)
    assert left[:24_000] == right[:24_000] == array("h", tones([440], seconds=0.5))
    assert level_of(left[24_000:], 1000) == pytest.approx(0.25, abs=0.01)
    assert level_of(right[24_000:], 1300) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("audio_format", SOUND_FORMATS)
async def test_every_format_holds_joined_sources_of_other_formats(audio_format: AudioFormat, tmp_path: Path) -> None:
    sources = [sound(name) for name in ("plain.mp3", "video.mkv", "deep.wav")]

    (artifact,) = await converted_together(sources, tmp_path, an_output(audio_format))

    assert artifact.duration_seconds == pytest.approx(3 * SECONDS, abs=0.1)
    heard = listen(delivered(artifact))
    extra = 3 * 1024 / heard.rate_hz if audio_format is AudioFormat.AAC else 0.001
    assert artifact.duration_seconds - 0.005 <= heard.seconds <= artifact.duration_seconds + extra
    assert heard.level_db > -25


async def test_24_bits_stay_24_bits(tmp_path: Path) -> None:
    deep = sound("deep.wav")

    (together,) = await converted_together([deep, deep], tmp_path, an_output(AudioFormat.WAV))
    twice = read_wav(together.path.read_bytes())
    (alone,) = await converted(deep, tmp_path, an_output(AudioFormat.WAV))
    once = read_wav(alone.path.read_bytes())

    assert len(once.frames) == round(SECONDS * 44_100) * 2 * 3
    assert twice.frames == 2 * once.frames


async def test_a_damaged_second_source_is_refused_by_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    data = bytearray(sound("plain.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 60] = bytes(60)
    broken.write_bytes(data)

    with pytest.raises(UnsupportedAudioError, match=r"^s3://bucket/broken\.flac: the source is cut off or damaged"):
        await joined([sound("plain.wav"), broken], tmp_path / "joined")


async def test_what_was_repaired_is_said_with_the_source_of_it(tmp_path: Path) -> None:
    junk = tmp_path / "junk.wav"
    junk.write_bytes(sound("plain.wav").read_bytes() + bytes(range(256)) * 3)
    (alone,) = (await joined([junk], tmp_path / "alone")).repaired

    sound_of_two = await joined([sound("plain.wav"), junk], tmp_path / "joined")

    assert sound_of_two.repaired == (alone,)
    assert alone.startswith("s3://bucket/junk.wav: ")


@pytest.mark.parametrize(
    ("cut", "problem"),
    [
        ({"end_seconds": 2.5}, r"^source\[1\]\.end_seconds: is beyond the end of the source, which has 2\.300 s$"),
        ({"start_seconds": 9.0}, r"^source\[1\]\.start_seconds: is beyond the end of the source, which has 2\.300 s$"),
        ({"start_seconds": 1.0, "end_seconds": 1.000001}, r"^source\[1\]\.end_seconds: leaves no sample"),
    ],
)
async def test_a_cut_that_a_source_lacks_is_refused_by_its_field(
    cut: dict[str, float], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidMessageError, match=problem):
        await joined([sound("plain.mp3"), (sound("plain.wav"), cut)], tmp_path / "joined")


@pytest.mark.parametrize(("number", "lengths"), [(1, (2, 1, 2)), (0, (0.5, 2, 2)), (2, (2, 2, 0.5))])
async def test_a_part_that_is_no_longer_than_its_crossfades_is_refused(
    number: int, lengths: tuple[float, ...], tmp_path: Path
) -> None:
    sources = [a_wav(tmp_path / f"{name}.wav", tones([440], seconds=length), 1) for name, length in enumerate(lengths)]

    with pytest.raises(InvalidMessageError, match=rf"^crossfade_seconds: source\[{number}\] has .* s, and its"):
        await joined(sources, tmp_path / "joined", crossfade_seconds=0.5)


async def test_the_limit_of_the_length_is_for_all_sources_together(tmp_path: Path) -> None:
    sources = [sound("plain.wav"), sound("plain.ts")]
    with pytest.raises(DurationTooLongError, match=r"^the sources together play for more than the limit of 4 s"):
        await joined(sources, tmp_path / "joined", max_seconds=4)

    assert (await joined(sources, tmp_path / "joined", max_seconds=5)).audio.duration_seconds


async def test_no_file_becomes_larger_than_it_may(tmp_path: Path) -> None:
    with pytest.raises(OutputLimitError):
        await joined([sound("plain.wav")] * 2, tmp_path / "joined", max_file_bytes=1_000_000)

    assert (tmp_path / "joined").stat().st_size <= 1_000_000


async def test_chapters_of_all_parts_are_at_their_places(tmp_path: Path) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=one\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2300\ntitle=two\n"
    )
    book = tmp_path / "book.m4a"
    run_ffmpeg("-i", str(sound("plain.wav")), "-i", str(chapters), "-map_chapters", "1", str(book))

    sound_of_three = await joined(
        [book, sound("plain.wav"), (book, {"start_seconds": 0.5})], tmp_path / "joined", crossfade_seconds=0.1
    )

    chapters_found = sound_of_three.audio.chapters
    assert [each.title for each in chapters_found] == ["one", "two", "one", "two"]
    assert [each.start_seconds for each in chapters_found] == pytest.approx([0, 1, 4.4, 4.9], abs=0.01)
    assert [each.end_seconds for each in chapters_found] == pytest.approx([1, 2.2, 4.9, 6.2], abs=0.01)


async def test_progress_goes_over_all_parts(tmp_path: Path) -> None:
    class Watched(ConversionProgress):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "seconds_done":
                done.append(self.seconds_done)

    done: list[float] = []

    await joined([sound("plain.wav"), sound("plain.mp3")], tmp_path / "joined", progress=Watched())

    assert done == sorted(done)
    assert done[-1] == pytest.approx(2 * SECONDS, abs=0.1)
    assert any(1 < seconds < SECONDS + 0.1 for seconds in done)


async def test_a_join_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    task = asyncio.create_task(
        joined([sound("plain.wav"), sound("long-silence.flac")], tmp_path / "j", max_seconds=2e4)
    )
    first_part = 2.3 * 44_100 * 2 * 4
    await wait_until(lambda: (tmp_path / "j").exists() and (tmp_path / "j").stat().st_size > first_part)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    size = (tmp_path / "j").stat().st_size
    await asyncio.sleep(0.2)
    assert (tmp_path / "j").stat().st_size == size


async def test_half_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError):
        await joined([sound("plain.wav"), half_of("plain.flac", tmp_path)], tmp_path / "joined")
