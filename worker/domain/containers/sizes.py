"""Sizes that containers state, and how far they can be believed."""

from __future__ import annotations

MAX_CHUNKS = 100_000  # a hostile file of empty chunks must not hold us up
SLACK_BYTES = 64  # some writers count their own header into the size: less than a millisecond


def is_open_end(length: int) -> bool:
    """What writers to a pipe put for a length that they cannot know: 0, ffmpeg's -1, sox's and arecord's 2 GiB."""
    return length == 0 or 0x7FFF_F000 <= length <= 0x8000_0000 or 0xFFFF_F000 <= length <= 0xFFFF_FFFF
