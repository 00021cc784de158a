"""Independent decoders from Debian's packages. Only one of them, an old ffmpeg, shares code with the worker's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.pcm import Pcm, read_wav

_SECONDS = 60

# Each writes a WAV to standard output, or where "{wav}" stands.
COMMANDS: Mapping[str, Sequence[str]] = {
    "flac": ("flac", "--silent", "--decode", "--stdout", "--decode-through-errors", "{}"),
    "flac --ogg": ("flac", "--silent", "--decode", "--stdout", "--ogg", "{}"),
    "mpg123": ("mpg123", "--quiet", "--wav", "-", "{}"),
    "lame": ("lame", "--quiet", "--decode", "{}", "-"),
    "oggdec": ("oggdec", "--quiet", "--output", "-", "{}"),
    "opusdec": ("opusdec", "--quiet", "--force-wav", "{}", "-"),
    "libsndfile": ("sndfile-convert", "-pcm16", "{}", "{wav}"),
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
    with tempfile.TemporaryDirectory() as directory:
        wav = Path(directory) / "decoded.wav"
        command = [word.replace("{}", str(path)).replace("{wav}", str(wav)) for word in COMMANDS[decoder]]
        ran = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        decoded = wav.read_bytes() if wav.exists() else ran.stdout
    return read_wav(decoded), ran.returncode != 0 or ran.stderr.strip() != b""


if __name__ == "__main__":
    if missing():
        sys.exit(f"These decoders are not installed, and make could not install them: {', '.join(missing())}")
