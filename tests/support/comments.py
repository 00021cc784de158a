"""Blocks of Vorbis comments, and a picture in one of them."""

from __future__ import annotations

import base64

from worker.domain.tags.pictures import Picture, as_block

PNG = Picture(b"\x89PNG\r\n\x1a\n..", "image/png")
ENCODED = base64.b64encode(as_block(PNG))


def block(*comments: bytes, vendor: bytes = b"abc", count: int | None = None) -> bytes:
    return b"".join(
        [
            *(len(vendor).to_bytes(4, "little"), vendor),
            (len(comments) if count is None else count).to_bytes(4, "little"),
            *(len(each).to_bytes(4, "little") + each for each in comments),
        ]
    )
