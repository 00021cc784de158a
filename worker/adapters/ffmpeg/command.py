"""What ffmpeg is told. Options are those of FFmpeg 9.0; what is not their plain meaning has its reason beside it."""

from __future__ import annotations

from collections.abc import Sequence

from worker.domain.audio import AudioFormat
from worker.domain.containers.sniffing import Container
from worker.domain.encoding import Encoding

STATS_PERIOD_SECONDS = 0.5
_MAX_ALLOCATION_BYTES = 256 * 1024 * 1024
_MAX_ERROR_RATE = 0.1  # of the frames; above it ffmpeg ends with 69

# Decoders of sound only: no video or subtitle decoder ever sees a byte of the source.
_DECODERS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,dca,eac3,flac,gsm,gsm_ms,libopencore_amrnb,"
    "libopencore_amrwb,libopus,libspeex,libvorbis,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,pcm_alaw,"
    "pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,"
    "pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,speex,truehd,vorbis,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)

# One sentence a format: encoder and muxer. `ipod` is MP4 with the brand that players of .m4a look for.
_FORMATS: dict[AudioFormat, tuple[str, str]] = {
    AudioFormat.MP3: ("libmp3lame", "mp3"),
    AudioFormat.M4A: ("aac", "ipod"),
    AudioFormat.AAC: ("aac", "adts"),
    AudioFormat.ALAC: ("alac", "ipod"),
    AudioFormat.FLAC: ("flac", "flac"),
    AudioFormat.WAV: ("pcm_s16le", "wav"),
    AudioFormat.OGG: ("libvorbis", "ogg"),
    AudioFormat.OPUS: ("libopus", "ogg"),
    AudioFormat.WEBM: ("libopus", "webm"),
}
_SAMPLE_FORMATS: dict[AudioFormat, dict[int, str]] = {
    AudioFormat.FLAC: {16: "s16", 24: "s32"},  # the encoder takes 24 of the 32 bits
    AudioFormat.ALAC: {16: "s16p", 24: "s32p"},
}
# By name, because what ffmpeg takes for three and four channels (2.1, 4.0) libopus refuses and FLAC mislabels.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LAYOUTS_OF_AAC = {**_LAYOUTS, 4: "4.0", 7: "6.1(back)"}
_LAYOUTS_OF_ALAC = {**_LAYOUTS_OF_AAC, 8: "7.1(wide)"}


def probe_command(binary: str, container: str, source_fd: int) -> list[str]:
    """Copy one packet to a text muxer, which prints what the headers say."""
    return [
        *_source(binary, container, source_fd, verbosity="info"),
        *("-map", "0:a:0", "-c", "copy", "-t", "0.01", "-f", "framecrc", "pipe:1"),
    ]


def convert_command(
    binary: str,
    container: str,
    codec: str,
    source_fd: int,
    outputs: Sequence[tuple[Encoding, int]],
    *,
    limit_seconds: float,
) -> list[str]:
    """Decode once and write each output to its descriptor, stopping after `limit_seconds` of sound."""
    options = []
    if (container, codec) == (Container.CAF, "alac"):
        # The demuxer trims the last packet by frames that the decoder has left out already (up to 2048 lost).
        options += ["-flags2", "+skip_manual"]
    command = _source(binary, container, source_fd, verbosity="verbose", options=options)
    command += ["-progress", "pipe:1", "-stats_period", str(STATS_PERIOD_SECONDS)]
    for encoding, target_fd in outputs:
        command += _output(encoding, container, target_fd, limit_seconds)
    return command


def _source(binary: str, container: str, source_fd: int, *, verbosity: str, options: Sequence[str] = ()) -> list[str]:
    return [
        *(binary, "-nostdin", "-hide_banner", "-nostats", "-v", verbosity),
        *("-max_alloc", str(_MAX_ALLOCATION_BYTES), "-max_error_rate", str(_MAX_ERROR_RATE)),
        *("-filter_threads", "1", "-threads", "1"),
        *("-protocol_whitelist", "fd", "-format_whitelist", container, "-codec_whitelist", _DECODERS),
        *options,
        *("-f", container, "-fd", str(source_fd), "-i", "fd:"),
    ]


def _output(encoding: Encoding, container: str, target_fd: int, limit_seconds: float) -> list[str]:
    encoder, muxer = _FORMATS[encoding.format]
    if encoding.format is AudioFormat.WAV and encoding.bits_per_sample == 24:
        encoder = "pcm_s24le"
    options = ["-map", "0:a:0", "-vn", "-sn", "-dn", *_tags(container), "-c:a", encoder]
    if encoding.bitrate_kbps is not None:
        options += ["-b:a", f"{encoding.bitrate_kbps}k"]
    elif encoding.format is AudioFormat.OGG:
        options += ["-q:a", "4"]
    if sample_formats := _SAMPLE_FORMATS.get(encoding.format):
        options += ["-sample_fmt", sample_formats[encoding.bits_per_sample]]
    if encoding.format is AudioFormat.WAV:
        options += ["-rf64", "auto"]
    return [
        *options,
        # Time counts samples from 0: a source whose clock starts late or jumps would give outputs with holes.
        # The limit counts those samples: on the source's clock, a jump would end the reading and look like success.
        *("-af", "asetpts=N/SR/TB", "-t", f"{limit_seconds:.3f}", "-ar", str(encoding.sample_rate_hz)),
        *("-ac", str(encoding.channels), "-ch_layout", _layout(encoding), "-threads", "1"),
        # The same source gives the same bytes: no versions, dates or random serial numbers.
        *("-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", muxer, "-fd", str(target_fd), "fd:"),
    ]


def _tags(container: str) -> list[str]:
    """Ogg keeps its tags on the stream, everything else on the file. The rest is what MP4 calls its tracks."""
    tags = "0:s:a:0" if container == Container.OGG else "0:g"
    return ["-map_metadata:g", tags, "-metadata:s:a:0", "handler_name=", "-metadata:s:a:0", "vendor_id="]


def _layout(encoding: Encoding) -> str:
    match encoding.format:
        case AudioFormat.M4A | AudioFormat.AAC:
            return _LAYOUTS_OF_AAC[encoding.channels]
        case AudioFormat.ALAC:
            return _LAYOUTS_OF_ALAC[encoding.channels]
        case _:
            return _LAYOUTS[encoding.channels]
