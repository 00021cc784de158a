"""The converter: ffmpeg as a short-lived process that gets descriptors and nothing else."""

from worker.adapters.ffmpeg.converter import FfmpegConverter

__all__ = ["FfmpegConverter"]
