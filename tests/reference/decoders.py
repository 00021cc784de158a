"""Independent decoders from Debian's packages. Only one of them, an old ffmpeg, shares code with the worker's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.pcm import Pcm, read_wav

_SECONDS = 60

# Each writes a WAV to standard output.
COMMANDS: Mapping[str, Sequence[str]] = {
    "flac": ("flac", "--silent", "--decode", "--stdout", "--decode-through-errors", "{}"),
    "flac --ogg": ("flac", "--silent", "--decode", "--stdout", "--ogg", "{}"),
    "mpg123": ("mpg123", "--quiet", "--wav", "-", "{}"),
    "oggdec": ("oggdec", "--quiet", "--output", "-", "{}"),
    "opusdec": ("opusdec", "--quiet", "--force-wav", "{}", "-"),
    "faad": ("faad", "--quiet", "--stdio", "{}"),
    "sox": ("sox", "--no-dither", "-V2", "{}", "--type", "wav", "-"),
    "wvunpack": ("wvunpack", "-q", "-y", "-w", "{}", "-o", "-"),
    # An older release, as a distribution ships it. Named by its path: another one may come first.
    "ffmpeg": ("/usr/bin/ffmpeg", "-nostdin", "-v", "error", "-i", "{}", "-map", "0:a:0", "-f", "wav", "-"),
}


def missing() -> list[str]:
    """Those that cannot be run here."""
    return sorted({command[0] for command in COMMANDS.values() if shutil.which(command[0]) is None})


def decode(decoder: str, path: Path) -> tuple[Pcm, bool]:
    """What the decoder makes of the file, and whether it complains. Raises ValueError where it makes nothing."""
    command = [word.replace("{}", str(path)) for word in COMMANDS[decoder]]
    ran = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    return read_wav(ran.stdout), ran.returncode != 0 or ran.stderr.strip() != b""


if __name__ == "__main__":
    if missing():
        sys.exit(f"These decoders are not installed, and make could not install them: {', '.join(missing())}")
