"""An ffmpeg that takes its time."""

from __future__ import annotations

from pathlib import Path

from tests.support.sounds import FFMPEG


def slow_converter(directory: Path, *, times_real_time: float) -> Path:
    """An ffmpeg that reads so many seconds of sound in a second when it converts."""
    path = directory / "ffmpeg"
    lines = [
        "#!/bin/bash",
        'case "$*" in *-progress*) ;; *) exec ' + str(FFMPEG) + ' "$@" ;; esac',
        "arguments=()",
        'for each in "$@"; do',
        f'    if [ "$each" = -i ]; then arguments+=(-readrate {times_real_time:g}); fi',
        '    arguments+=("$each")',
        "done",
        f'exec {FFMPEG} "${{arguments[@]}}"',
    ]
    path.write_text("\n".join([*lines, ""]))
    path.chmod(0o755)
    return path
