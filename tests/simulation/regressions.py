"""Seeds that once failed, or nearly: they are played first, for ever."""

from __future__ import annotations

REGRESSIONS = {
    10829: "percent fell within an attempt: `queued` set it to 0, and a cancel between two attempts made that the end",
    23789: "the same, where no reader saw the job queued",
}
