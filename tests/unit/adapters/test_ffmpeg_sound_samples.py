"""What a decoder makes before and behind the sound is left out of the outputs and of the counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.ffmpeg_log import DEMUXER, FILTER, VERBOSE, log_of, said
from worker.adapters.ffmpeg.command import convert_command
from worker.adapters.ffmpeg.counts import Counts, read_counts
from worker.adapters.ffmpeg.filters import filter_graph
from worker.adapters.ffmpeg.verdict import check_counts
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.errors import UnsupportedAudioError
from worker.ports import SourceAudio

PLAIN = Structure(0, 1000)
ALL = SourceAudio("ogg", "vorbis", 8000, 1, None, 1.0, 1000, PLAIN, layout="mono")
TRIMMED = replace(ALL, structure=replace(PLAIN, sound_samples=(128, 8128)))
TO_WAV = Encoding(AudioFormat.WAV, 8000, 1, 16, None)


def counted(audio: SourceAudio, *samples: int, errors: int = 0) -> Counts:
    """With so many samples decoded of each input."""
    lines = []
    for number, each in enumerate(samples):
        lines.append(
            said(FILTER, f"graph_0_in_{number}:0", VERBOSE, "tb:1/1 samplefmt:flt samplerate:8000 chlayout:1")
        )
        text = (
            f"  Input stream #{number}:0 (audio): 9 packets read (90 bytes); 9 frames decoded; {errors} decode errors"
        )
        lines.append(said(DEMUXER, f"in#{number}/ogg", VERBOSE, f"{text} ({each} samples); "))
    counts = read_counts(log_of(*lines), 1, audio)
    assert counts is not None
    return counts


@pytest.mark.parametrize(("decoded", "sound"), [(9000, 8000), (8128, 8000), (8127, 7999), (128, 0), (127, 0)])
def test_only_the_sound_of_what_was_decoded_counts(decoded: int, sound: int) -> None:
    counts = counted(TRIMMED, decoded)

    assert (counts.shortest_seconds, counts.longest_seconds) == (sound / 8000, sound / 8000)
    assert counts.decoded_samples == decoded
    assert counted(ALL, decoded).longest_seconds == decoded / 8000


def test_each_of_several_parts_is_counted_by_its_own_sound() -> None:
    counts = counted(replace(ALL, parts=(ALL, TRIMMED)), 9000, 9000)

    assert counts.longest_seconds == 17_000 / 8000


# What fills up the last packet of Speex is an error of FFmpeg's decoder. Each of nine packets has 856 samples or so.
@pytest.mark.parametrize(("decoded", "errors"), [(8200, 0), (7701, 0), (7700, 1), (0, 1)])
def test_an_error_of_speex_behind_all_of_its_sound_is_none(decoded: int, errors: int) -> None:
    speex = replace(TRIMMED, codec="speex")

    assert counted(speex, decoded, errors=1).decode_errors == errors
    assert counted(TRIMMED, decoded, errors=1).decode_errors == 1
    assert counted(replace(ALL, codec="speex"), decoded, errors=1).decode_errors == 1


@pytest.mark.parametrize(("decoded", "errors"), [(7200, 1), (7201, 0)])
def test_of_speex_half_a_frame_may_not_be_missing(decoded: int, errors: int) -> None:
    """Of nine, which have 800 samples each."""
    speex = replace(ALL, codec="speex", structure=replace(PLAIN, sound_samples=(0, 7600)))

    assert counted(speex, decoded, errors=1).decode_errors == errors


def test_each_of_several_parts_has_its_own_errors() -> None:
    speex = replace(TRIMMED, codec="speex")

    assert counted(replace(ALL, parts=(speex, TRIMMED, speex)), 9000, 9000, 9000, errors=1).decode_errors == 1


@pytest.mark.parametrize(("codecs", "rate"), [(["vorbis"], "0.1"), (["speex"], "1.0"), (["vorbis", "speex"], "1.0")])
def test_no_number_of_errors_ends_the_decoding_of_speex(codecs: list[str], rate: str) -> None:
    parts = tuple(replace(ALL, codec=codec) for codec in codecs)
    audio = parts[0] if len(parts) == 1 else replace(ALL, parts=parts)
    command = convert_command("ffmpeg", audio, [3, 4][: len(parts)], [(TO_WAV, 5)], limit_seconds=9.0)

    assert command[command.index("-max_error_rate") + 1] == rate


def test_the_filters_leave_it_out_behind_the_clock_and_before_all_else() -> None:
    trim = "atrim=start_sample=128:end_sample=8128,asetpts=round(N/SR/TB)"

    assert f",{trim},asplit=2" in filter_graph(TRIMMED, [TO_WAV, TO_WAV])[0]
    assert f",{trim}[p1]" in filter_graph(replace(ALL, parts=(ALL, TRIMMED)), [TO_WAV])[0]
    assert "atrim" not in filter_graph(ALL, [TO_WAV])[0]


@pytest.mark.parametrize(
    ("audio", "trims_itself"), [(ALL, True), (TRIMMED, False), (replace(TRIMMED, codec="opus"), True)]
)
def test_the_demuxer_of_vorbis_trims_nothing_where_the_filters_do(audio: SourceAudio, *, trims_itself: bool) -> None:
    command = convert_command("ffmpeg", audio, [3], [(TO_WAV, 4)], limit_seconds=9.0)

    assert ("+skip_manual" in command) != trims_itself


def test_more_than_a_tenth_of_errors_is_refused_where_the_converter_does_not_end_at_them() -> None:
    audio = replace(ALL, codec="speex")
    counts = replace(counted(audio, 8000, errors=1), encoded_samples=(8000,))

    check_counts(counts, audio, [TO_WAV], max_duration_seconds=60)  # one of ten
    with pytest.raises(UnsupportedAudioError, match="too much of it cannot be decoded"):
        check_counts(replace(counts, decode_errors=2), audio, [TO_WAV], max_duration_seconds=60)
