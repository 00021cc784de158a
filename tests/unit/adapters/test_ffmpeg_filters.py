"""The graph between decoder and encoders: which clock the outputs have, and which channel goes where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.adapters.ffmpeg.channels import target_layout
from worker.adapters.ffmpeg.clock import longest_pause_seconds
from worker.adapters.ffmpeg.filters import filter_graph, has_clock, has_reference, late_seconds
from worker.domain.audio import AudioFormat, Codec
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure
from worker.domain.cutting import Cut
from worker.domain.encoding import Encoding
from worker.domain.mixing import LAYOUTS
from worker.domain.waveform import Waveform
from worker.ports import SourceAudio

RATE = 48_000
WAV = SourceAudio("wav", "pcm_s16le", RATE, 2, 16, 10.0, 2_000_000, Structure(44, 2_000_000))
WEBM = replace(WAV, container="matroska", codec="opus")
TO_WAV = Encoding(AudioFormat.WAV, RATE, 2, 16, None)
TO_MP3 = Encoding(AudioFormat.MP3, RATE, 2, 16, 128)
COUNTED = "asetpts=round(N/SR/TB)"


def graph_of(audio: SourceAudio, *encodings: Encoding) -> str:
    return filter_graph(audio, encodings or (TO_WAV,))[0]


@pytest.mark.parametrize("container", Container)
def test_pcm_and_flac_have_no_clock_and_their_samples_are_counted(container: Container) -> None:
    without = {"wav", "w64", "aiff", "au", "caf", "flac"}

    assert has_clock(container) == (container.value not in without)
    assert (COUNTED in graph_of(replace(WAV, container=container))) == (container.value in without)


def test_each_output_has_its_own_end_of_one_graph() -> None:
    assert filter_graph(replace(WAV, track=3), [TO_WAV]) == (f"[0:3]{COUNTED}[o0]", ["[o0]"])
    short = replace(WAV, duration_seconds=0.05)
    assert filter_graph(short, [replace(TO_WAV, sample_rate_hz=8000), TO_MP3])[0] == (
        f"[0:0]{COUNTED},asplit=2[s0][s1];"
        "[s0]aresample=8000,apad=whole_len=400[o0];[s1]aresample=48000,apad=whole_len=2400[o1]"
    )
    assert filter_graph(WAV, [TO_WAV, TO_MP3]) == (
        f"[0:0]{COUNTED},asplit=2[s0][s1];[s0]anull[o0];[s1]anull[o1]",
        ["[o0]", "[o1]"],
    )


def test_each_output_converts_for_itself_where_the_format_changes() -> None:
    changing = replace(WAV, changes_format=True)

    assert "[s0]aresample" in graph_of(changing, TO_WAV, TO_MP3)
    assert "[s1]aresample" in graph_of(changing, TO_WAV, TO_MP3)
    assert "aresample" not in graph_of(changing, TO_MP3)


def test_samples_that_may_be_no_numbers_become_silence_before_all_else() -> None:
    assert "aeval" not in graph_of(WAV)
    for is_finite in (False, None):
        assert graph_of(replace(WAV, is_finite=is_finite)).startswith("[0:0]aeval=exprs='if(lt(abs(val(ch)),1e30),")


def test_samples_with_which_encoders_may_fail_are_clipped_for_all_but_floats() -> None:
    huge = replace(WAV, codec="pcm_f32le", may_be_huge=True)

    assert "asoftclip=type=hard" not in graph_of(replace(huge, may_be_huge=False), TO_MP3)
    for encoding in (TO_MP3, TO_WAV, replace(TO_WAV, bits_per_sample=24), replace(TO_WAV, codec=Codec.ALAW)):
        assert "asoftclip=type=hard" in graph_of(huge, encoding)
    for encoding in (replace(TO_WAV, bits_per_sample=32), replace(TO_WAV, bits_per_sample=32, samples_in="stereo")):
        assert "asoftclip=type=hard" not in graph_of(huge, encoding)


def test_the_longest_pause_is_ten_minutes_of_mono_and_less_with_more_channels() -> None:
    assert longest_pause_seconds(replace(WEBM, channels=1)) == 600
    assert longest_pause_seconds(WEBM) == 300
    assert longest_pause_seconds(replace(WEBM, sample_rate_hz=8000, channels=2)) == 1800


@pytest.mark.parametrize(
    ("starts_at", "late"), [(0.0, 0.0), (0.01, 0.0), (0.02, 0.02), (300.0, 300.0), (300.001, 0.0)]
)
def test_a_late_start_is_silence_up_to_the_longest_pause(starts_at: float, late: float) -> None:
    audio = replace(WEBM, starts_at_seconds=starts_at)

    assert late_seconds(audio) == late
    assert late_seconds(replace(audio, container="wav")) == 0.0
    assert (":first_pts=0" in graph_of(audio)) == (late > 0)
    place = "PTS-0.000000/TB" if late else "st(2,-PTS)*0"
    assert f"if(gt(abs((PTS-{0.0 if late else starts_at:.6f}/TB)*TB),0.1),{place},0)" in graph_of(audio)
    for changes in (False, True):
        assert (":first_pts=0" in graph_of(replace(audio, loses_frames=True, changes_format=changes))) != changes


@pytest.mark.parametrize(
    ("audio", "gap"),
    [
        (WEBM, "0.1"),
        (replace(WEBM, loses_frames=True), "0.01"),
        (replace(WEBM, container="mp3"), "0.01"),
        (replace(WEBM, container="aac"), "0.01"),
        (replace(WEBM, container="amr"), "0.01"),
    ],
)
def test_a_gap_is_a_lost_frame_where_frames_are_counted_and_else_more_than_jitter(
    audio: SourceAudio, gap: str
) -> None:
    assert f"if(gt(abs(ld(3)*TB),{gap})," in graph_of(audio)
    assert f"if(gt(ld(3)*TB,{gap})*lte(ld(3)*TB,300.000),PTS+ld(2)," in graph_of(audio)
    assert "if(gt(abs((PTS-0.000000/TB)*TB),0.1)," in graph_of(audio)


@pytest.mark.parametrize(
    ("seconds", "padding"),
    [
        (None, ""),
        (0.1, ""),
        (0.0999, ",aresample=48000,apad=whole_len=4796"),
        (1 / RATE, ",aresample=48000,apad=whole_len=1"),
        (0.0, ",aresample=48000,apad=whole_len=1"),
    ],
)
def test_what_is_shorter_than_a_tenth_of_a_second_is_filled_up_to_its_length(
    seconds: float | None, padding: str
) -> None:
    assert graph_of(replace(WAV, duration_seconds=seconds)) == f"[0:0]{COUNTED}{padding}[o0]"


@pytest.mark.parametrize(
    ("audio_format", "layout", "channels", "target", "pan"),
    [
        (AudioFormat.WAV, "7.1(wide)", 8, "7.1(wide)", ""),
        (
            AudioFormat.OPUS,
            "5.1(side)",
            6,
            "5.1",
            "pan=5.1|c0=1.00000*FL|c1=1.00000*FR|c2=1.00000*FC|c3=1.00000*LFE|c4=1.00000*SL|c5=1.00000*SR[o0]",
        ),
        (AudioFormat.OPUS, "3.0(back)", 3, "3.0", "pan=3.0|c0="),
        (AudioFormat.ALAC, "2.1", 3, "3.0", "channelmap=0|1|2:3.0"),
        (AudioFormat.ALAC, "3.0(back)", 3, "3.0", "channelmap=0|1|2:3.0"),
        (AudioFormat.WAV, "4 channels", 4, None, ""),
        (AudioFormat.ALAC, "4 channels", 4, "4.0", "pan=4.0|c0=1.00000*c0|c1=1.00000*c1|c2=1.00000*c2|c3=1.00000*c3"),
        (
            AudioFormat.OPUS,
            "6 channels",
            6,
            "5.1",
            "pan=5.1|c0=0.50000*c0+0.50000*c5|c1=0.50000*c1|c2=0.50000*c2|c3=0*c0",
        ),
        (AudioFormat.MP3, "4 channels", 1, "mono", "pan=mono|c0=0.25000*c0+0.25000*c1+0.25000*c2+0.25000*c3"),
        (AudioFormat.WAV, "12 channels", 9, None, "pan=9C|c0="),
        (AudioFormat.MP3, "stereo", 1, "mono", "pan=mono|c0<0.50000*FL+0.50000*FR+0.70721*FC+0.35361*LFE+"),
        (
            AudioFormat.MP3,
            "2 channels (SL+SR)",
            1,
            "mono",
            "channelmap=0|1:stereo,pan=mono|c0=0.50000*c0+0.50000*c1[o0]",
        ),
        (AudioFormat.WAV, "3 channels (FL+FR+WL)", 2, "stereo", "channelmap=0|1|2:3.0,pan=stereo|c0="),
    ],
)
def test_each_channel_goes_to_its_place(
    audio_format: AudioFormat, layout: str, channels: int, target: str | None, pan: str
) -> None:
    count = int(layout.split(maxsplit=1)[0]) if "channels" in layout else len(LAYOUTS[layout])
    audio = replace(WAV, layout=layout, channels=count)
    encoding = Encoding(audio_format, RATE, channels, 16, None)

    assert target_layout(audio, encoding) == target
    assert graph_of(audio, encoding).startswith(f"[0:0]{COUNTED}{',' + pan if pan else '[o0]'}")


def test_channels_of_a_source_whose_layout_changes_are_mixed_by_name() -> None:
    changing = replace(WAV, changes_format=True)
    surround = replace(changing, layout="5.1", channels=6)

    assert "pan=stereo|c0<" in graph_of(changing)
    assert "pan=5.1|c0<1.00000*FL" in graph_of(surround, Encoding(AudioFormat.WAV, RATE, 6, 16, None))
    sides = replace(surround, layout="5.1(side)")
    assert "pan=5.1|c0<1.00000*FL" in graph_of(sides, Encoding(AudioFormat.OPUS, RATE, 6, 16, None))
    assert "pan" not in graph_of(replace(changing, changes_format=False))
    assert "pan" not in graph_of(
        replace(changing, layout="2 channels (SL+SR)"), Encoding(AudioFormat.WAV, RATE, 2, 16, None)
    )


def test_low_frequencies_of_a_second_channel_are_never_mixed_by_name() -> None:
    assert "LFE2" not in graph_of(replace(WAV, layout="5.1", channels=6), replace(TO_MP3, channels=2))


def test_no_silence_is_put_before_a_sound_whose_format_changes() -> None:
    assert late_seconds(replace(WEBM, starts_at_seconds=0.5)) == 0.5
    assert late_seconds(replace(WEBM, starts_at_seconds=0.5, changes_format=True)) == 0.0


@pytest.mark.parametrize(
    ("container", "changes_format", "is_filled"), [("avi", False, True), ("avi", True, False), ("mov", False, False)]
)
def test_silence_is_put_before_the_second_chunk_of_an_avi_unless_its_format_changes(
    container: Container, *, changes_format: bool, is_filled: bool
) -> None:
    audio = replace(WEBM, container=container, changes_format=changes_format)

    assert (":first_pts=0" in graph_of(audio)) is is_filled


def test_all_of_a_source_is_decoded_where_no_output_shows_its_length() -> None:
    assert has_reference([])
    assert has_reference([TO_WAV, replace(TO_MP3, cut=Cut(1.0))])
    assert not has_reference([TO_WAV, TO_MP3])


@pytest.mark.parametrize("codec", ["tta", "wavpack", "flac"])
def test_positions_that_a_decoder_guesses_are_taken_away(codec: str) -> None:
    for layout, is_named in (("stereo", True), ("2 channels", False)):
        is_taken = "channelmap=0|1:2C" in graph_of(replace(WAV, codec=codec, layout=layout))
        assert is_taken == (codec != "flac" and not is_named)


def test_a_piece_of_wavpack_begins_where_its_numbers_do() -> None:
    piece = replace(WAV, container="wv", codec="wavpack")

    assert "[0:0]asetpts=PTS-0.500000/TB," in graph_of(replace(piece, starts_at_seconds=0.5))
    assert "asetpts=PTS-" not in graph_of(piece)


@pytest.mark.parametrize(("seconds", "padding"), [(0.5, "apad=whole_dur=0.4"), (None, ""), (0.00001, "")])
def test_last_frames_that_cannot_be_decoded_become_silence(seconds: float | None, padding: str) -> None:
    graph = graph_of(replace(WEBM, container="mov", loses_frames=True, duration_seconds=seconds))

    assert ("whole_dur" in graph) == bool(padding)
    assert padding in graph


def test_a_short_part_is_filled_up_to_its_length_and_one_without_an_end_is_not() -> None:
    assert "apad=whole_len=2400" in graph_of(WAV, replace(TO_WAV, cut=Cut(1.0, 1.05)))
    assert "apad" not in graph_of(WAV, replace(TO_WAV, cut=Cut(1.0)))


def test_channels_are_in_the_order_of_the_encoder_that_has_its_own() -> None:
    surround = replace(WAV, layout="7.1", channels=8)

    assert "channelmap=0|1|2|3|6|7|4|5:7.1" in graph_of(surround, Encoding(AudioFormat.CAF, RATE, 8, 16, None))
    assert "channelmap" not in graph_of(surround, Encoding(AudioFormat.WAV, RATE, 8, 16, None))


def test_one_channel_that_is_picked_is_the_only_one() -> None:
    first, second = (replace(TO_WAV, channels=1, pick_channel=number) for number in (1, 2))
    discrete = replace(WAV, layout="3 channels", channels=3)

    assert "pan=mono|c0=1.00000*FL" in graph_of(WAV, first)
    assert "pan=mono|c0=1.00000*FR" in graph_of(WAV, second)
    assert "channelmap=1:mono" in graph_of(discrete, second)


def test_a_channel_that_is_picked_has_what_is_mixed_to_it_where_the_layout_changes() -> None:
    changing = replace(WAV, changes_format=True)

    assert "pan=mono|c0<1.00000*FR+0.70700*FC+" in graph_of(changing, replace(TO_WAV, channels=1, pick_channel=2))


def test_joined_sources_get_the_layout_and_the_rate_of_the_whole_and_one_kind_of_sample() -> None:
    mono = replace(WAV, layout="mono", channels=1, sample_rate_hz=44_100)
    alike = graph_of(replace(WAV, parts=(WAV, WAV)))
    different = graph_of(replace(WAV, parts=(WAV, mono)))
    in_other_codecs = graph_of(replace(WAV, parts=(WAV, replace(WAV, codec="flac"))))

    assert "pan=" not in alike
    assert "aresample=48000" not in alike
    assert "sample_fmts=fltp" not in alike
    assert different.count("pan=stereo") == 1
    assert different.count("aresample=48000") == 1
    assert "sample_fmts=fltp" not in different
    assert in_other_codecs.count("aformat=sample_fmts=fltp") == 2


def test_channels_with_positions_are_mixed_by_name_and_others_by_number() -> None:
    numbered = replace(WAV, layout="4 channels", channels=4)
    to_quad = replace(TO_WAV, channels=4, samples_in="quad")

    assert "pan=quad|c0=1.00000*c0|c1=1.00000*c1|c2=1.00000*c2|c3=1.00000*c3[" in graph_of(numbered, to_quad)
    mono = replace(WAV, layout="mono", channels=1)
    assert "+1.00000*FC+" in graph_of(mono, replace(TO_WAV, samples_in="stereo"))


def test_the_peaks_of_a_waveform_are_printed_to_the_descriptor_of_its_output() -> None:
    waveform = Encoding(AudioFormat.WAVEFORM, RATE, 2, 16, None, waveform=Waveform("json", samples_per_point=100))

    graph, _ = filter_graph(WAV, [TO_WAV, waveform], target_fds=[6, 7])

    assert graph.count("asetnsamples=n=100:p=0") == 1
    assert r"ametadata=mode=print:file=pipe\\:7," in graph
