"""The ffmpeg that converts."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg

from worker.settings import Settings


def ffmpeg_of(settings: Settings) -> Path:
    """The program that the settings name, or the one that is installed with the worker."""
    return settings.ffmpeg or Path(imageio_ffmpeg.get_ffmpeg_exe())
