"""Sounds in containers that the test machine's ffmpeg cannot write, byte by byte."""

from __future__ import annotations

import random
import struct
import zlib

# 0.2 s of stereo silence at 44.1 kHz, as mpcenc 1.30.1 wrote it.
MUSEPACK_8 = bytes.fromhex(
    "4d50434b53480d860a586808c474001b1b52470c010000000000000000454907a0011e01534f080d000000004150050ff05354060112c0534503"
)
# Stereo of 2000 samples at 44.1 kHz: silence, from its middle on a step of 100 samples, as mpcenc 1.30.1 wrote it.
MUSEPACK_STEP = bytes.fromhex(
    "4d50434b53480d4f8f26e2088f5000050b52470c01000000000000000045490751011e01534f08836b00000041508363e075b6efff8c0a7f"
    "f8141ff0289fe0515f80a2fd81467e028d0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0ead6b5ff87540eaffffffffffffffff"
    "dc055fffffffffffffffdc801afffffffffffffffe500bd7fffffffffffffff681115ffffffffffffffff9917ffffffffffffffff60a000e"
    "b6ede0000000281460146810052c05280200a1c0a840481420151009028402a20240a0c0a84050142014fe84e47334e47d4fd22660b9da7b"
    "b7aa3fd7f290bda2ff83f07e0fc1f83f07e0fc1f83f0112244891224489122448912244891224489122448f4f4549d2a1e70804e289f80c6"
    "da1febf9ddb8002fdff7fdff7fdff7fdff7fdff7fddf77ddf77ddf77ddf77ddf77ddf76c6b7e1791fbee1a62fb7add5f9d0ff2015c0feff7"
    "fbfdfeff7fbfdfeff7fbfdfeff7fbfdfeff7fbfdfeff7b22d001248c734ba01f79fb0ff79e7d812758fbfdfeff7fbfdfeff7fbfdfeff7fbf"
    "dfeff7fbfdfeff7fbfdfbae7886f0f6e19e8896536efcb3efb932f97dfeff7fbfdfeff7fbfdfeff7fbfdfeff7fbfdfeff7fbfdfef783e12f"
    "274dcdbb926bf6b23ff9e7e09dfe3eff7fbfdfeff7fbfdfeff7fbfdfeff7fbfdfeff7fbfdfeff7d1bf179079e30dc217fedda1cffd02ad37"
    "dfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfdfd80c5354060112c0534503"
)
# A tone of 25 ms in the middle of silence, as speexenc 1.2.1 wrote it: 1100 samples at 8 kHz, of which a packet has
# five frames, and 2200 samples at 16 kHz.
SPEEX_NARROW = bytes.fromhex(
    "4f67675300020000000000000000f716ac5900000000926bd7c201505370656578202020312e322e31000000000000000000000000000000"
    "0100000050000000401f0000000000000400000001000000ffffffffa000000000000000050000000000000000000000000000004f676753"
    "00000000000000000000f716ac59010000000398d8dd012018000000456e636f646564207769746820537065657820312e322e3100000000"
    "4f67675300044c04000000000000f716ac5902000000f10dc0a9024b2e169d660000eeee0777703bbb81dddc2d3acc0001dddc0eeee07777"
    "03bbb85a75980003bbb81dddc0eeee077770ab7680190777703bbb81ddd33aa57156ed002f36f7547c43b249a1cf4b2f15cc0406428ae6f5"
    "95f00bbb81dddc2d3acfd8017d760beee0777703bbb85a759fc003bbb81dddc0eeee077773de"
)
SPEEX_WIDE = bytes.fromhex(
    "4f67675300020000000000000000f716ac5900000000e2c2238501505370656578202020312e322e31000000000000000000000000000000"
    "0100000050000000803e0000010000000400000001000000ffffffff4001000000000000010000000000000000000000000000004f676753"
    "00000000000000000000f716ac59010000000398d8dd012018000000456e636f646564207769746820537065657820312e322e3100000000"
    "4f67675300049808000000000000f716ac5902000000fca1dc70081414141414141414169d660000eeee0777703bbb81dddd276c00000f16"
    "9d660000eeee0777703bbb81dddd276c00000f169d660000eeee0777703bbb81dddd276c00000f156ed00320eeee0777703bbb80f5ef277e"
    "12c08f156ed03ea79984dbbb39f458ce6bcd277e00000f12c5c222e0b3aa051f717bbb81dddd277ed039cf138510f80088880d77703bbb85"
    "dddd276c83080f169d67a000eeeee777703bbba3dddd276c00000f"
)
# What people's programs put behind the sound of any file.
ID3V1 = b"TAG" + b"A title".ljust(125, b"\0")
APE_TAG = struct.pack("<II", 5, 0) + b"Title\0Hello" + b"APETAGEX" + struct.pack("<IIII", 2000, 51, 1, 0) + bytes(8)
_APE_FRAME_SAMPLES, _APE_LAST_SAMPLES = 73_728, 1_000
_DSD_RATE_HZ, _DSD_BLOCK_BYTES = 2_822_400, 4096
_DSD_SILENCE = b"\x69"


def ape() -> bytes:
    """1.69 s of stereo silence at 44.1 kHz: a flag stands in for the samples."""
    lengths = (_APE_FRAME_SAMPLES, _APE_LAST_SAMPLES)
    checksums = [zlib.crc32(bytes(4 * length)) >> 1 | 0x8000_0000 for length in lengths]
    frames = b"".join(struct.pack("<IIII", checksum, 3, 0, 0) for checksum in checksums)
    descriptor = struct.pack("<4sHHIIIIIII16s", b"MAC ", 3990, 0, 52, 24, 8, 0, len(frames), 0, 0, bytes(16))
    header = struct.pack("<HHIIIHHI", 2000, 0x20, *lengths, 2, 16, 2, 44_100)
    return descriptor + header + struct.pack("<II", 84, 100) + frames


def dsf(blocks: int = 40) -> bytes:
    """Stereo silence of 1.45 ms a block in each channel."""
    data = _DSD_SILENCE * (2 * _DSD_BLOCK_BYTES * blocks)
    samples = 8 * _DSD_BLOCK_BYTES * blocks
    form = struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, _DSD_RATE_HZ, 1, samples, _DSD_BLOCK_BYTES, 0)
    size = 28 + 52 + 12 + len(data)
    return (
        b"DSD "
        + struct.pack("<QQQ", 28, size, 0)
        + b"fmt "
        + form
        + b"data"
        + struct.pack("<Q", 12 + len(data))
        + data
    )


def dff(bytes_of_channel: int = 160_000) -> bytes:
    """Stereo silence of 353 bytes a millisecond in each channel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack(">Q", len(body)) + body

    channels = chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT")
    properties = chunk(b"FS  ", struct.pack(">I", _DSD_RATE_HZ)) + channels
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    body = b"DSD " + chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", b"SND " + properties)
    return chunk(b"FRM8", body + chunk(b"DSD ", _DSD_SILENCE * (2 * bytes_of_channel)))


def gsm(frames: int = 50) -> bytes:
    """Frames of 20 ms with random content."""
    chance = random.Random(6)
    return b"".join(bytes([0xD0 | chance.randrange(16)]) + chance.randbytes(32) for _ in range(frames))


def musepack_7(frames: int) -> bytes:
    """A file that is a header alone."""
    return b"MP+\x07" + struct.pack("<I", frames) + bytes(20)


def eac3(kind: int, substream: int, length: int) -> bytes:
    """A frame of six blocks at 48 kHz; `kind` 1 is a dependent substream. Its contents are zeros."""
    words = length // 2 - 1
    head = bytes((0x0B, 0x77, kind << 6 | substream << 3 | words >> 8, words & 0xFF, 0x30, 16 << 3))
    return head.ljust(length, b"\0")
