"""What the `fmt ` chunk of WAV and Wave64 says (WAVEFORMATEX and WAVEFORMATEXTENSIBLE of Windows)."""

from __future__ import annotations

from worker.domain.containers.samples import SampleLayout

FORMAT_BYTES = 48
_EXTENSIBLE = 0xFFFE
_KINDS = {1: "int", 3: "float", 6: "alaw", 7: "mulaw"}


def layout_of(chunk: bytes) -> SampleLayout | None:
    """None where the samples are compressed, or the chunk is too short."""
    if len(chunk) < 16:
        return None
    tag = int.from_bytes(chunk[:2], "little")
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    channels, rate_hz, bits = (int.from_bytes(chunk[a:b], "little") for a, b in ((2, 4), (4, 8), (14, 16)))
    sample_bytes = (bits + 7) // 8
    kind = "unsigned" if tag == 1 and sample_bytes == 1 else _KINDS.get(tag, "")
    return SampleLayout(kind, sample_bytes, channels, rate_hz=rate_hz).if_known()
