"""Sizes that containers state, and how far they can be trusted."""

from __future__ import annotations

MAX_CHUNKS = 100_000  # bounds the time for a hostile file of empty chunks
SLACK_BYTES = 64  # some writers count their own header into the size: less than a millisecond

MAX_FILE_BYTES = 1 << 48  # no store holds a file of so many: a larger size of 64 bits is a placeholder
_LARGE_BYTES = 1 << 28
_NEAR_BYTES = 4096  # by how much writers change a round number, for a header or a whole block
_ROUND = 100_000_000
_MIN_PART = 16


def is_placeholder(stated: int, there: int) -> bool:
    """Whether `stated` bytes, of which `there` are in the file, were written before the length was known.

    Writers to a pipe put 0, or a number near a multiple of 256 MiB (ffmpeg's -1, the 2 GiB of sox and arecord) or
    of 100 million. Any other large number is taken for one where it is more than 16 times what is there: an upload
    that was cut off holds more. A smaller file that lacks its end is cut off, whatever it states.
    """
    if stated == 0:
        return True
    if stated < _LARGE_BYTES:
        return False
    return (
        _distance(stated, _LARGE_BYTES) <= _NEAR_BYTES
        or _distance(stated, _ROUND) <= SLACK_BYTES
        or stated > _MIN_PART * there
    )


def _distance(number: int, step: int) -> int:
    return min(number % step, -number % step)
