"""The command lines of ffmpeg. Options are those of FFmpeg 9.0; one whose purpose is not plain has a comment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worker.adapters.ffmpeg.channels import target_layout
from worker.adapters.ffmpeg.encoders import Encoder, encoder_for
from worker.adapters.ffmpeg.filters import RAW_SAMPLES, Analysis, filter_graph
from worker.adapters.ffmpeg.log import PROBE_MUXER
from worker.adapters.ffmpeg.tags import tag_options
from worker.domain.audio import FORMATS
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.ports import SourceAudio

STATS_PERIOD_SECONDS = 0.5
_MAX_ALLOCATION_BYTES = 256 * 1024 * 1024
_QUALITY_UNIT = 118  # the step of -global_quality for a step of an encoder's own scale (FF_QP2LAMBDA in libavutil)
MAX_ERROR_RATE = 0.1  # the share of frames that may fail; above it ffmpeg ends with exit code 69
_ANY_ERROR_RATE = 1.0
# Their decoders may fail at the end of a whole file (see `counts`), which is a large share of a short one.
_FAILING_AT_THE_END = frozenset({"speex"})

# Decoders of sound only: no video or subtitle decoder ever sees a byte of the source.
_DECODERS = (
    "aac,aac_latm,ac3,adpcm_ct,adpcm_ima_oki,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_sbpro_2,adpcm_sbpro_3,"
    "adpcm_sbpro_4,adpcm_swf,adpcm_yamaha,alac,amrnb,amrwb,ape,dca,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,"
    "dst,eac3,flac,g722,g726,g726le,gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,libvorbis,mlp,"
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,mpc7,mpc8,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,speex,truehd,tta,"
    "vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)


# Codecs whose name is not that of their decoder.
_NAMES_OF_CODECS = {"amr_nb", "amr_wb", "dts", "musepack7", "musepack8", "adpcm_g722", "adpcm_g726", "adpcm_g726le"}
_CODECS = frozenset(_DECODERS.split(",")) | _NAMES_OF_CODECS

# The standard's own decoders: FFmpeg's does not know frames of silence and of loss, and leaves them out.
_DECODER_OF = {"amr_nb": "libopencore_amrnb", "amr_wb": "libopencore_amrwb"}
# Decoders that compare checksums only on demand. With it, a frame that fails is an error and is not decoded as sound.
_WITH_CHECKSUMS = frozenset({"flac", "ac3", "eac3", "mp1", "mp2", "mp3", "ape", "tta", "wavpack"})
# Their header describes the sound completely, and the first packet shows what ffmpeg has to know besides. Without a
# limit ffmpeg would search the samples for other codecs, which costs 11 ms of CPU.
_SAYS_ALL_IN_HEADER = frozenset({Container.WAV, Container.W64, Container.AIFF, Container.CAF, Container.AU})
_SMALLEST_PROBE_BYTES = 32
# Their demuxers find out what a track is from its packets. A track that has none is listed all the same.
_KNOWN_BY_PACKETS = frozenset({Container.MPEGTS, Container.MPEGPS})
_USUAL_PROBE_BYTES = 5_000_000  # ffmpeg's own
_LONGEST_PROBE_US = 10**12  # longer than any source; ffmpeg's own is 7 s
# Without these, ffmpeg copies the source's tags and chapters to each output, and prints them in the log for each.
_NO_TAGS = ("-map_metadata", "-1", "-map_chapters", "-1")
_PRINTED = ("-c", "copy", "-frames:a", "1", *_NO_TAGS, "-f", PROBE_MUXER, "pipe:1")
_FACTS = ("-map", "0:a:disp:default?", "-map", "0:a", *_PRINTED)
_FACTS_OF_USABLE = ("-map", "0:a:u", *_PRINTED)  # of tracks whose rate and codec are known; none of them is a default
# Where the source's format changes, the filters begin anew with the time of the source, which may go back.
_IN_A_ROW = ("-bsf:a", r"setts=ts=if(N\,PREV_OUTPTS+PREV_OUTDURATION\,TS)")
_NOWHERE = (*_NO_TAGS, "-c:a", "pcm_s16le", "-f", "null", "-")
# Their clock is that of the header, and does not begin with the first sound: other tracks and files go by it, too.
_OWN_CLOCK = frozenset({Container.MATROSKA, Container.MP4, Container.ASF})


def can_decode(codec: str) -> bool:
    """Whether we let ffmpeg decode it. The codec goes by ffmpeg's name, which is mostly its decoder's."""
    return codec in _CODECS


def ends_at_errors(audio: SourceAudio) -> bool:
    """Whether ffmpeg ends where more than MAX_ERROR_RATE of the frames cannot be decoded."""
    return all(part.codec not in _FAILING_AT_THE_END for part in audio.parts or (audio,))


def has_own_clock(container: str) -> bool:
    """Whether the length in the container's header counts from its clock's zero, and not from its first sound."""
    return container in _OWN_CLOCK


def probe_command(binary: str, container: str, source_fd: int, structure: Structure) -> list[str]:
    """The command that copies a packet of each audio track to a text muxer, which prints what the headers say.

    The default tracks come first, and once more at their place among all tracks.
    """
    facts = _FACTS if structure.probe_bytes is None else _FACTS_OF_USABLE
    return [*_general(binary), *_source(container, source_fd, structure), *facts]


def probed_by_packets(container: str, structure: Structure) -> Structure | None:
    """The structure for a probe and a conversion that read as far as tracks are to be found, and pass over the others.

    None where the header names all tracks.
    """
    if container not in _KNOWN_BY_PACKETS:
        return None
    return replace(structure, probe_bytes=max(structure.probe_bytes or 0, _USUAL_PROBE_BYTES))


def convert_command(
    binary: str,
    audio: SourceAudio,
    source_fds: Sequence[int],
    outputs: Sequence[tuple[Encoding, int]],
    analyses: Sequence[Analysis] = (),
    *,
    limit_seconds: float,
    as_pieces: bool = False,
) -> list[str]:
    """Decode once and write each output to its descriptor, stopping after `limit_seconds` of sound.

    With `as_pieces` each output is written so that its packets can be found.
    A reference (see `filters`), each of the `analyses` and each waveform add one more output, which is discarded.
    Where the headers were predicted, what a probe would print is printed as well.
    Each part of the source, in its order, is read from a descriptor of `source_fds`.
    """
    command = _general(binary, MAX_ERROR_RATE if ends_at_errors(audio) else _ANY_ERROR_RATE)
    for part, source_fd in zip(audio.parts or (audio,), source_fds, strict=True):
        command += _source(part.container, source_fd, part.structure, options=_decoding(part))
    graph, labels = filter_graph(
        audio, [encoding for encoding, _ in outputs], analyses, [target_fd for _, target_fd in outputs]
    )
    command += ["-progress", "pipe:1", "-stats_period", str(STATS_PERIOD_SECONDS), "-filter_complex", graph]
    for label, (encoding, target_fd) in zip(labels, outputs, strict=False):
        command += ["-map", label, *_output(audio, encoding, target_fd, limit_seconds, as_piece=as_pieces)]
    for label in labels[len(outputs) :]:
        command += ["-map", label, "-t", f"{limit_seconds:.3f}", "-ar", str(audio.sample_rate_hz), *_NOWHERE]
    return [*command, *_FACTS] if audio.is_predicted else command


def _decoding(audio: SourceAudio) -> list[str]:
    options = []
    if audio.container in RAW_SAMPLES:
        options += ["-ar", str(audio.sample_rate_hz), "-ch_layout", audio.layout]
    if (audio.container, audio.codec) == (Container.CAF, "alac"):
        # The demuxer trims the last packet by frames that the decoder has left out already (up to 2048 lost).
        options += ["-flags2", "+skip_manual"]
    if audio.codec == "vorbis" and audio.structure.sound_samples is not None:
        # Where all sound is on one page, the demuxer does not trim its beginning, and its end wrongly.
        options += ["-flags2", "+skip_manual"]
    if decoder := _DECODER_OF.get(audio.codec):
        options += ["-c:a", decoder]
    if audio.codec in _WITH_CHECKSUMS:
        options += ["-err_detect:a", "+crccheck+explode"]
    return options


def _general(binary: str, max_error_rate: float = MAX_ERROR_RATE) -> list[str]:
    return [
        # Lines are counted (silence of more than 16,384 samples is several that are alike), so none may be folded.
        *(binary, "-nostdin", "-hide_banner", "-nostats", "-v", "repeat+verbose"),
        *("-max_alloc", str(_MAX_ALLOCATION_BYTES), "-max_error_rate", str(max_error_rate)),
        *("-filter_threads", "1", "-filter_complex_threads", "1"),
    ]


def _source(container: str, source_fd: int, structure: Structure, *, options: Sequence[str] = ()) -> list[str]:
    url, protocols = "fd:", "fd"
    if structure.read_range is not None:
        begin, end = structure.read_range
        url, protocols = f"subfile,,start,{begin},end,{end},,:fd:", "fd,subfile"
    if structure.ignores_stated_size:
        options = [*options, "-ignore_length", "1"]
    if structure.codec is not None:
        options = [*options, "-c:a", structure.codec]
    if has_own_clock(container):
        options = [*options, "-copyts"]
    if container in _SAYS_ALL_IN_HEADER:
        options = [*options, "-probesize", str(_SMALLEST_PROBE_BYTES)]
    if structure.probe_bytes is not None:
        options = [*options, "-probesize", str(structure.probe_bytes), "-analyzeduration", str(_LONGEST_PROBE_US)]
    return [
        *("-threads", "1", "-protocol_whitelist", protocols),
        *("-format_whitelist", container, "-codec_whitelist", _DECODERS),
        # No layout is guessed for more than two channels: channels without a position stay so.
        *("-guess_layout_max", "2"),
        *options,
        *("-f", container, "-fd", str(source_fd), "-i", url),
    ]


def _rate_control(encoder: Encoder, encoding: Encoding) -> Sequence[str]:
    if encoding.vbr_quality is not None:
        # Not -q, which ignores negative numbers: libvorbis would take its own default for them.
        return ["-global_quality:a", str(encoding.vbr_quality * _QUALITY_UNIT)]
    return encoder.without_bitrate if encoding.bitrate_kbps is None else ["-b:a", f"{encoding.bitrate_kbps}k"]


def _fragments(encoding: Encoding) -> Sequence[str]:
    """The options for the length of fragments: a fragment ends before the first frame that begins at that time."""
    if encoding.segment_seconds is None:
        return []
    return ["-frag_duration", str(round(encoding.segment_seconds * 1e6))]


def _output(
    audio: SourceAudio, encoding: Encoding, target_fd: int, limit_seconds: float, *, as_piece: bool
) -> list[str]:
    encoder = encoder_for(encoding)
    muxer = (encoder.piece_muxer if as_piece else "") or encoder.muxer
    options = [*tag_options(audio, encoding), "-c:a"]
    options.append(encoder.name_for(encoding.bits_per_sample, encoding.codec))
    options += _rate_control(encoder, encoding)
    if sample_format := encoder.sample_formats_by_depth.get(encoding.bits_per_sample):
        options += ["-sample_fmt", sample_format]
    flags = "+bitexact" if encoding.vbr_quality is None else "+bitexact+qscale"
    layout = target_layout(audio, encoding)
    options += (
        encoder.for_discrete_channels if layout is None else ["-ac", str(encoding.channels), "-ch_layout", layout]
    )
    # An output without sound is made of what filters write to the descriptor or to the log.
    target = ["-f", muxer, "-fd", str(target_fd), "fd:"] if FORMATS[encoding.format].is_sound else ["-f", muxer, "-"]
    return [
        *options,
        *encoder.by_layout.get(layout or "", ()),
        *encoder.always,
        *(_IN_A_ROW if audio.changes_format else ()),
        *_fragments(encoding),
        # The limit counts the outputs' samples: on the source's clock, a jump would end the reading.
        *("-t", f"{limit_seconds:.3f}", "-ar", str(encoding.sample_rate_hz), "-threads", "1"),
        # The same source gives the same bytes: no versions, dates or random serial numbers.
        *("-fflags", "+bitexact", "-flags:a", flags),
        *target,
    ]
