"""The containers that sources may have."""

from __future__ import annotations

from enum import StrEnum


class Container(StrEnum):
    """The demuxers that are allowed, by FFmpeg's names."""

    WAV = "wav"  # RF64 and BW64, too
    W64 = "w64"
    AIFF = "aiff"
    AU = "au"
    CAF = "caf"
    FLAC = "flac"
    MP3 = "mp3"
    ADTS = "aac"
    AMR = "amr"
    OGG = "ogg"
    MP4 = "mov"
    MATROSKA = "matroska"
    ASF = "asf"
    MPEGTS = "mpegts"
    MPEGPS = "mpeg"
    AVI = "avi"
    FLV = "flv"
    WAVPACK = "wv"
    TTA = "tta"
    MUSEPACK_7 = "mpc"
    MUSEPACK_8 = "mpc8"
    APE = "ape"
    VOC = "voc"
    DSF = "dsf"
    DFF = "iff"
    AC3 = "ac3"
    EAC3 = "eac3"
    DTS = "dts"
    GSM = "gsm"
