"""Streams by the real converter: what a player reads by the playlists is the sound, at every bitrate."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.conversions import converted, delivered
from tests.support.hls import HlsStream, play, published
from tests.support.samples import a_wav, tones
from tests.support.sounds import FFMPEG, listen, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.segments import to_stream
from worker.application.messages.message import parse_job
from worker.domain.audio import AudioFormat
from worker.domain.containers.mp4_fragments import fragments_of
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError, InvalidMessageError
from worker.domain.job import Job
from worker.ports import Artifact, ConversionProgress, OutputLimitError

FRAME = 1024  # samples of AAC
STREAM = {"target": "s3://podcasts-out/ep/", "format": "hls"}


def job_of(*outputs: Mapping[str, object]) -> Job:
    return parse_job(json.dumps({"job_id": "ep", "source": "s3://podcasts-in/ep.wav", "outputs": outputs}))


async def streams_of(source: Path, directory: Path, **options: object) -> tuple[Artifact, list[HlsStream]]:
    (spec,) = job_of({**STREAM, **options}).outputs
    (artifact,) = await converted(source, directory, spec)
    master = published(spec, artifact, directory / "stream")
    return artifact, play(str(master), lambda uri: Path(uri).read_bytes())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return a_wav(tmp_path / "source.wav", tones([440, 1000], seconds=13.37), 2)


async def test_every_bitrate_has_the_whole_sound_in_segments_of_the_same_lengths(source: Path, tmp_path: Path) -> None:
    artifact, streams = await streams_of(source, tmp_path, bitrates_kbps=[64, 128, 32], segment_seconds=4)

    assert artifact.duration_seconds == pytest.approx(13.37, abs=1e-4)
    lengths = [[seconds for _, seconds in stream.playlist.segments] for stream in streams]
    assert lengths[0] == lengths[1] == lengths[2]
    assert len(lengths[0]) == 4
    assert all(4 - FRAME / 44_100 < length < 4 + FRAME / 44_100 for length in lengths[0][:-1])
    for stream, kbps in zip(streams, (64, 128, 32), strict=True):
        assert stream.playlist.seconds == pytest.approx(artifact.duration_seconds, abs=1e-6)
        assert 0.3 * kbps * 1000 < stream.variant.average_bandwidth < 1.3 * kbps * 1000
        assert stream.variant.average_bandwidth <= stream.variant.bandwidth


async def test_the_segments_one_after_the_other_decode_to_the_sound(source: Path, tmp_path: Path) -> None:
    artifact, streams = await streams_of(source, tmp_path, bitrates_kbps=[64, 256], segment_seconds=2)

    for number, stream in enumerate(streams):
        joined = tmp_path / f"joined-{number}.mp4"
        joined.write_bytes(stream.sound)
        heard = listen(joined)
        # What the encoder puts in front is left out; its last frame is filled up.
        assert 0 <= round((heard.seconds - artifact.duration_seconds) * 44_100) < FRAME
        assert heard.level_db > -40
        assert heard.codec == "aac"


async def test_each_segment_can_be_decoded_by_itself(source: Path, tmp_path: Path) -> None:
    _, (stream,) = await streams_of(source, tmp_path, bitrates_kbps=[128], segment_seconds=3)

    for number, (segment, (_, seconds)) in enumerate(zip(stream.segments, stream.playlist.segments, strict=True)):
        alone = tmp_path / f"{number}.mp4"
        alone.write_bytes(stream.init + segment)
        assert listen(alone).seconds == pytest.approx(seconds, abs=2 * FRAME / 44_100)


async def test_the_codec_is_the_one_that_the_master_playlist_says(source: Path, tmp_path: Path) -> None:
    _, (stream,) = await streams_of(source, tmp_path)

    # ISO 14496-1, section 7.2.6.6: after the tag of DecoderConfigDescriptor and its length, the object type; within,
    # DecoderSpecificInfo, whose first five bits are the kind of AAC (ISO 14496-3, section 1.6.2.1).
    config = stream.init.index(b"\x04\x80\x80\x80", stream.init.index(b"esds"))
    specific = stream.init.index(b"\x05\x80\x80\x80", config)
    object_type, audio_type = stream.init[config + 5], stream.init[specific + 5] >> 3
    assert stream.variant.codecs == f"mp4a.{object_type:x}.{audio_type}"


async def test_the_clocks_of_the_segments_follow_each_other(source: Path, tmp_path: Path) -> None:
    _, (stream,) = await streams_of(source, tmp_path, segment_seconds=2)
    data = stream.sound
    fragments = fragments_of(lambda offset, size: data[offset : offset + size], len(data))

    begins = [struct.unpack_from(">Q", segment, segment.index(b"tfdt") + 8)[0] for segment in stream.segments]

    expected = [sum(fragment.samples for fragment in fragments.each[:number]) for number in range(len(begins))]
    assert begins == expected
    assert fragments.skipped == FRAME


@pytest.mark.parametrize("options", [{}, {"channels": 1}])
async def test_without_a_bitrate_there_is_one_by_the_channels(
    options: dict[str, int], source: Path, tmp_path: Path
) -> None:
    _, (stream,) = await streams_of(source, tmp_path, **options)

    kbps = 64 * options.get("channels", 2)
    assert f"/{kbps}k/" in stream.variant.uri


async def test_a_sound_of_a_few_samples_is_a_stream(tmp_path: Path) -> None:
    short = a_wav(tmp_path / "short.wav", tones([440], seconds=0.01), 1)

    artifact, (stream,) = await streams_of(short, tmp_path)

    assert stream.playlist.seconds == pytest.approx(artifact.duration_seconds, abs=1e-6)
    assert len(stream.segments) == 1


async def test_a_part_of_the_source_at_a_loudness_is_a_stream(source: Path, tmp_path: Path) -> None:
    artifact, streams = await streams_of(
        source,
        tmp_path,
        bitrates_kbps=[64, 128],
        start_seconds=1,
        end_seconds=9.5,
        loudness={"target_lufs": -20},
    )

    assert artifact.duration_seconds == 8.5
    assert artifact.loudness is not None
    assert artifact.loudness.after_lufs == pytest.approx(-20, abs=0.5)
    assert [stream.playlist.seconds for stream in streams] == pytest.approx([8.5, 8.5])


async def test_a_part_beyond_the_end_is_refused_by_the_number_of_its_output(source: Path, tmp_path: Path) -> None:
    file = {"target": "s3://podcasts-out/a.mp3", "format": "mp3", "end_seconds": 20}
    job = job_of({**STREAM, "bitrates_kbps": [64, 96, 128]}, file)

    with pytest.raises(InvalidMessageError) as caught:
        await converted(source, tmp_path, *job.outputs)

    assert caught.value.field == "outputs[1].end_seconds"


async def test_streams_and_files_come_from_one_decode(source: Path, tmp_path: Path) -> None:
    job = job_of(
        {"target": "s3://podcasts-out/a.flac", "format": "flac"},
        {**STREAM, "bitrates_kbps": [64, 128]},
        {"target": "s3://podcasts-out/a.mp3", "format": "mp3"},
        {**STREAM, "target": "s3://podcasts-out/mono/", "channels": 1},
    )

    artifacts = await converted(source, tmp_path, *job.outputs)

    assert [len(artifact.streams) for artifact in artifacts] == [0, 2, 0, 1]
    assert [listen(delivered(artifacts[number])).codec for number in (0, 2)] == ["flac", "mp3"]
    assert len({artifact.duration_seconds for artifact in artifacts}) == 1


@pytest.mark.parametrize("name", ["plain.mp3", "plain.opus", "end.m4a"])
async def test_a_compressed_source_is_as_long_as_a_stream_as_it_is_as_a_file(name: str, tmp_path: Path) -> None:
    job = job_of(STREAM, {"target": "s3://podcasts-out/a.wav", "format": "wav"})

    stream, file = await converted(sound(name), tmp_path, *job.outputs)

    assert stream.duration_seconds == pytest.approx(file.duration_seconds, abs=1e-3)
    rendition = stream.streams[0].rendition
    assert sum(segment.seconds for segment in rendition.segments) == pytest.approx(stream.duration_seconds, abs=1e-6)


async def test_the_same_source_gives_the_same_objects(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
        await streams_of(source, directory, bitrates_kbps=[64, 128])

    files = sorted(path.relative_to(first) for path in (first / "stream").rglob("*") if path.is_file())
    assert len(files) == 11
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


async def test_no_bitrate_becomes_larger_than_a_file_may(tmp_path: Path) -> None:
    loud = tmp_path / "noise.wav"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=10", str(loud))
    (spec,) = job_of({**STREAM, "bitrates_kbps": [32, 256]}).outputs
    converter = FfmpegConverter(FFMPEG)
    audio = await converter.probe(loud)

    with pytest.raises(OutputLimitError):
        await converter.convert(
            loud,
            audio,
            [(spec, tmp_path / "out")],
            max_duration_seconds=60,
            progress=ConversionProgress(),
            max_file_bytes=100_000,
        )


async def test_as_many_streams_as_a_job_may_have_are_made_in_one_run_with_addresses_to_spare(tmp_path: Path) -> None:
    short = a_wav(tmp_path / "short.wav", tones([440], seconds=0.2), 1)
    every = [{**STREAM, "target": f"s3://podcasts-out/{number}/"} for number in range(16)]
    job = job_of(*({**each, "bitrates_kbps": [32, 48, 64, 96, 128, 192]} for each in every))

    converter = FfmpegConverter(FFMPEG, memory_bytes=7 << 28)  # an eighth less than a worker gives

    artifacts = await converted(short, tmp_path, *job.outputs, converter=converter)

    assert [len(artifact.streams) for artifact in artifacts] == [6] * 16


async def test_a_last_segment_that_would_last_no_time_is_an_error(tmp_path: Path) -> None:
    first, _ = await streams_of(
        a_wav(tmp_path / "long.wav", tones([440], seconds=2.5), 1), tmp_path, segment_seconds=2
    )
    seconds = first.streams[0].rendition.segments[0].seconds + 0.003
    (tmp_path / "short").mkdir()
    source = a_wav(tmp_path / "short.wav", tones([440], seconds=seconds), 1)
    artifact, _ = await streams_of(source, tmp_path / "short", segment_seconds=2)
    assert 0 < artifact.streams[0].rendition.segments[-1].seconds < 0.004

    encoding = Encoding(AudioFormat.HLS, 44_100, 1, 16, 64)
    with pytest.raises(ConverterCrashedError, match="last segment"):
        to_stream(artifact.streams[0].path, encoding, artifact.duration_seconds - 0.005)
