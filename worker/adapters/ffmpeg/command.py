"""What ffmpeg is told. Options are those of FFmpeg 9.0; what is not their plain meaning has its reason beside it."""

from __future__ import annotations

from collections.abc import Sequence

from worker.adapters.ffmpeg.encoders import ENCODERS
from worker.domain.containers.sniffing import Container
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding

STATS_PERIOD_SECONDS = 0.5
_MAX_ALLOCATION_BYTES = 256 * 1024 * 1024
_MAX_ERROR_RATE = 0.1  # of the frames; above it ffmpeg ends with 69

# Decoders of sound only: no video or subtitle decoder ever sees a byte of the source.
_DECODERS = (
    "aac,aac_latm,ac3,adpcm_ct,adpcm_ima_oki,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_sbpro_2,adpcm_sbpro_3,"
    "adpcm_sbpro_4,adpcm_yamaha,alac,amrnb,amrwb,ape,dca,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,dst,eac3,"
    "flac,g722,g726,g726le,gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,libvorbis,mlp,mp1,mp1float,"
    "mp2,mp2float,mp3,mp3float,mpc7,mpc8,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,"
    "pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,speex,truehd,tta,vorbis,"
    "wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)


def probe_command(binary: str, container: str, source_fd: int, structure: Structure) -> list[str]:
    """Copy one packet to a text muxer, which prints what the headers say."""
    return [
        *_source(binary, container, source_fd, structure, verbosity="info"),
        *("-map", "0:a:0", "-c", "copy", "-t", "0.01", "-f", "framecrc", "pipe:1"),
    ]


def convert_command(
    binary: str,
    container: str,
    codec: str,
    source_fd: int,
    structure: Structure,
    outputs: Sequence[tuple[Encoding, int]],
    *,
    limit_seconds: float,
) -> list[str]:
    """Decode once and write each output to its descriptor, stopping after `limit_seconds` of sound."""
    options = []
    if (container, codec) == (Container.CAF, "alac"):
        # The demuxer trims the last packet by frames that the decoder has left out already (up to 2048 lost).
        options += ["-flags2", "+skip_manual"]
    command = _source(binary, container, source_fd, structure, verbosity="verbose", options=options)
    command += ["-progress", "pipe:1", "-stats_period", str(STATS_PERIOD_SECONDS)]
    for encoding, target_fd in outputs:
        command += _output(encoding, container, target_fd, limit_seconds)
    return command


def _source(
    binary: str, container: str, source_fd: int, structure: Structure, *, verbosity: str, options: Sequence[str] = ()
) -> list[str]:
    url, protocols = "fd:", "fd"
    if structure.read_range is not None:
        begin, end = structure.read_range
        url, protocols = f"subfile,,start,{begin},end,{end},,:fd:", "fd,subfile"
    if structure.ignores_stated_size:
        options = [*options, "-ignore_length", "1"]
    return [
        *(binary, "-nostdin", "-hide_banner", "-nostats", "-v", verbosity),
        *("-max_alloc", str(_MAX_ALLOCATION_BYTES), "-max_error_rate", str(_MAX_ERROR_RATE)),
        *("-filter_threads", "1", "-threads", "1"),
        *("-protocol_whitelist", protocols, "-format_whitelist", container, "-codec_whitelist", _DECODERS),
        *options,
        *("-f", container, "-fd", str(source_fd), "-i", url),
    ]


def _output(encoding: Encoding, container: str, target_fd: int, limit_seconds: float) -> list[str]:
    encoder = ENCODERS[encoding.format]
    name = encoder.name_for(encoding.bits_per_sample)
    options = ["-map", "0:a:0", "-vn", "-sn", "-dn", *_tags(container), "-c:a", name]
    options += encoder.without_bitrate if encoding.bitrate_kbps is None else ["-b:a", f"{encoding.bitrate_kbps}k"]
    if sample_format := encoder.sample_formats_by_depth.get(encoding.bits_per_sample):
        options += ["-sample_fmt", sample_format]
    options += encoder.always
    return [
        *options,
        # Time counts samples from 0: a source whose clock starts late or jumps would give outputs with holes.
        # The limit counts those samples: on the source's clock, a jump would end the reading and look like success.
        *("-af", "asetpts=N/SR/TB", "-t", f"{limit_seconds:.3f}", "-ar", str(encoding.sample_rate_hz)),
        *("-ac", str(encoding.channels), "-ch_layout", encoder.layout(encoding.channels), "-threads", "1"),
        # The same source gives the same bytes: no versions, dates or random serial numbers.
        *("-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", encoder.muxer, "-fd", str(target_fd), "fd:"),
    ]


def _tags(container: str) -> list[str]:
    """Ogg keeps its tags on the stream, everything else on the file. The rest is what MP4 calls its tracks."""
    tags = "0:s:a:0" if container == Container.OGG else "0:g"
    return ["-map_metadata:g", tags, "-metadata:s:a:0", "handler_name=", "-metadata:s:a:0", "vendor_id="]
