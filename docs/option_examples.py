"""The examples of the page on options: a test converts them, and `make bench` measures them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EXAMPLES: Sequence[tuple[str, Mapping[str, Any]]] = (
    (
        "An MP3 of a chosen size:",
        {
            "target": "s3://podcasts-out/ep.mp3",
            "format": "mp3",
            "bitrate_kbps": 128,
            "sample_rate_hz": 44100,
            "channels": 2,
        },
    ),
    (
        "An MP3 of a chosen quality, with as many bits as each second needs:",
        {"target": "s3://podcasts-out/ep.mp3", "format": "mp3", "vbr_quality": 2},
    ),
    (
        "A master in 24 bits at 48 kHz:",
        {"target": "s3://podcasts-out/ep.wav", "format": "wav", "bits_per_sample": 24, "sample_rate_hz": 48000},
    ),
    (
        "Floats for an editor, which keep what is above full scale:",
        {"target": "s3://podcasts-out/ep.caf", "format": "caf", "bits_per_sample": 32},
    ),
    (
        "A prompt for a telephone system:",
        {
            "target": "s3://podcasts-out/ep.wav",
            "format": "wav",
            "codec": "mulaw",
            "sample_rate_hz": 8000,
            "channels": 1,
        },
    ),
    (
        "A short preview, faded in and out (its job may have the full file as another output):",
        {
            "target": "s3://podcasts-out/preview.mp3",
            "format": "mp3",
            "start_seconds": 0.5,
            "end_seconds": 1.5,
            "fade_in_seconds": 0.1,
            "fade_out_seconds": 0.5,
        },
    ),
    (
        'One side of a call for a transcription (the other is `"pick_channel": 2`):',
        {"target": "s3://podcasts-out/ep.flac", "format": "flac", "pick_channel": 1, "sample_rate_hz": 16000},
    ),
    (
        "A podcast at -16 LUFS, whose true peaks stay below -1 dBTP:",
        {
            "target": "s3://podcasts-out/ep.mp3",
            "format": "mp3",
            "loudness": {"target_lufs": -16, "max_true_peak_dbtp": -1},
        },
    ),
    (
        "A podcast by its preset, with a bitrate of its own:",
        {"target": "s3://podcasts-out/ep.mp3", "preset": "podcast", "bitrate_kbps": 192},
    ),
    (
        "A recording without the silence at its ends, but for a quarter of a second:",
        {
            "target": "s3://podcasts-out/ep.flac",
            "format": "flac",
            "trim_silence": {"threshold_db": -45, "keep_seconds": 0.25},
        },
    ),
    (
        "Tags of an episode, in place of all that the source has, and no cover (another would be its `s3://bucket/key`):",
        {
            "target": "s3://podcasts-out/ep.m4a",
            "format": "m4a",
            "tags": {"title": "Épisode 142", "album": "The Show", "track": "142", "My Field": "as it is"},
            "keep_tags": False,
            "cover": "drop",
        },
    ),
    (
        "The peaks of a player's waveform, as JSON for audiowaveform's readers such as peaks.js:",
        {
            "target": "s3://podcasts-out/ep.json",
            "format": "waveform",
            "points_per_second": 50,
            "bits": 16,
            "channels": 1,
        },
    ),
    (
        "The waveform as a picture:",
        {"target": "s3://podcasts-out/ep.png", "format": "waveform", "width": 1200, "height": 100},
    ),
    (
        "A report on the first second of the sound, for a check of what was sent in (without options: on all of it):",
        {"target": "s3://podcasts-out/ep.report.json", "format": "report", "start_seconds": 0, "end_seconds": 1},
    ),
    (
        "A stream for players that choose a bitrate by the network, in segments of four seconds:",
        {"target": "s3://podcasts-out/ep/", "format": "hls", "bitrates_kbps": [64, 128], "segment_seconds": 4},
    ),
)
