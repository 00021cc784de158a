"""What the `fmt ` chunk of WAV and Wave64 says (WAVEFORMATEX and WAVEFORMATEXTENSIBLE of Windows)."""

from __future__ import annotations

from worker.domain.containers.samples import ByteOrder, SampleLayout
from worker.domain.containers.structure import G726_40

FORMAT_BYTES = 48
_EXTENSIBLE = 0xFFFE
_GSM, _G721 = 0x31, 0x40
_G726 = {0x14, _G721, 0x45, 0x64, 0x65}  # what FFmpeg's demuxers take for it
_NMS, _NMS_BITS = 0x38, {2, 3, 4}
_NMS_UNSUPPORTED = "ADPCM of NMS (VBX) is not supported"
_KINDS = {1: "int", 3: "float", 6: "alaw", 7: "mulaw"}


def sample_layout_of(chunk: bytes, byte_order: ByteOrder = "little") -> SampleLayout | None:
    """The layout of the samples. None where they are compressed, or the chunk is too short."""
    if len(chunk) < 16:
        return None
    tag, channels = (int.from_bytes(chunk[at : at + 2], byte_order) for at in (0, 2))
    rate_hz, bits = int.from_bytes(chunk[4:8], byte_order), int.from_bytes(chunk[14:16], byte_order)
    is_extensible = tag == _EXTENSIBLE and len(chunk) >= 26
    if is_extensible:
        tag = int.from_bytes(chunk[24:26], byte_order)
    sample_bytes = (bits + 7) // 8
    if is_extensible and tag == 1 and channels:
        # Samples may have fewer bits than their bytes have room for. They are then the highest bits.
        sample_bytes = max(sample_bytes, int.from_bytes(chunk[12:14], byte_order) // channels)
    kind = "unsigned" if tag == 1 and sample_bytes == 1 else _KINDS.get(tag, "")
    return SampleLayout(kind, sample_bytes, channels, byte_order, rate_hz).if_known()


def block_bytes(chunk: bytes) -> int:
    """How many bytes of compressed samples can be decoded at once; 1 where the decoder takes any number of them."""
    is_gsm = int.from_bytes(chunk[:2], "little") == _GSM
    return max(1, int.from_bytes(chunk[12:14], "little")) if is_gsm else 1


def unsupported_codec(chunk: bytes) -> str | None:
    """Why samples are refused that FFmpeg would play wrongly, as a sentence for the producer; None where it does not.

    FFmpeg 9.0 does not follow G.726 where samples have five bits: noise comes out, 4 dB too low or too loud.
    ADPCM of NMS it takes for AMR, which it writes under the same number, and with 16 bits.
    """
    tag, bits = (int.from_bytes(chunk[at : at + 2], "little") for at in (0, 14))
    if tag == _NMS and bits in _NMS_BITS:
        return _NMS_UNSUPPORTED
    return G726_40 if tag in _G726 and bits == 5 else None


def misread_codec(chunk: bytes, layout: SampleLayout | None) -> str | None:
    """FFmpeg's name for the codec of samples that its demuxer takes for others; None where it takes them for theirs.

    FFmpeg 9.0 takes big-endian samples for little-endian ones, and reads as many bytes as the valid bits need.
    Of G.721 it plays the halves of each byte in the wrong order: the lower one is first (in libsndfile).
    """
    if int.from_bytes(chunk[:2], "little") == _G721:
        return "g726le"
    if layout is None:
        return None
    if layout.byte_order == "big":
        return layout.codec
    if int.from_bytes(chunk[:2], "little") != _EXTENSIBLE or layout.kind not in {"int", "unsigned"}:
        return None
    bits, valid_bits = (int.from_bytes(chunk[at : at + 2], "little") for at in (14, 18))
    return None if (valid_bits or bits) + 7 >> 3 == layout.sample_bytes else layout.codec
