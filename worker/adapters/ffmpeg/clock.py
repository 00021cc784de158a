"""The clock of the outputs: silence where the source's clock has a pause, and none where it jumps."""

from __future__ import annotations

from worker.ports import SourceAudio

_MAX_PAUSE_SAMPLES = 28_800_000  # ten minutes of mono at 48 kHz: the resampler holds a pause in 500 MB of memory
_SNAP_SECONDS = 0.1  # a decoder may be a frame behind its packets
_CHANGING_SNAP_SECONDS = 0.01  # less than a frame: the second one may be the first in another format
# The clock of the outputs, in registers: 1 is where the last frame ended, 2 how far the source's clock was set back,
# 3 by how much this frame is late, 4 its place. A frame that is late by a pause keeps its place, and the resampler
# puts silence before it. One that is early (another recording's clock begins) or late beyond all pauses follows the
# last one, and the clock is set back; how late it was beyond all pauses is printed, at ffmpeg's level 40 (verbose).
# The first frame's place is 0, unless silence is to be put before it. The filter begins anew where the source's format
# changes: then the first frame's place is the source's own, so that the outputs' clock goes on.
_CLOCK = (
    "st(3,PTS+ld(2)-ld(1));"
    "st(4,if(NB_CONSUMED_SAMPLES,"
    "if(gt(ld(3)*TB,{gap})*lte(ld(3)*TB,{pause}),PTS+ld(2),"
    "if(gt(abs(ld(3)*TB),{gap}),if(gt(ld(3),0),print(ld(3)*TB,40))*0+st(2,ld(1)-PTS)*0+ld(1),ld(1))),"
    "st(2,-{start}/TB)*0+if(gt(abs((PTS-{start}/TB)*TB),{snap}),{late},0)));"
    "st(1,ld(4)+S/SR/TB);"
    "ld(4)"
)


def clock_of_outputs(
    *, gap_seconds: float, pause_seconds: float, start_seconds: float, changes_format: bool, may_begin_late: bool
) -> str:
    """The expression of a frame's time for ffmpeg's filter `asetpts`.

    A frame that is late by more than `gap_seconds` and at most `pause_seconds` has silence before it. The outputs
    begin at `start_seconds` on the source's clock, and with the first frame unless it `may_begin_late`: a decoder may
    leave out the first frames, and a muxer of MP4 would put a pause there.
    """
    start = f"{start_seconds:.6f}"
    return _CLOCK.format(
        gap=gap_seconds,
        pause=f"{pause_seconds:.3f}",
        start=start,
        snap=_CHANGING_SNAP_SECONDS if changes_format else _SNAP_SECONDS,
        late=f"PTS-{start}/TB" if may_begin_late or changes_format else "st(2,-PTS)*0",
    )


def longest_pause_seconds(audio: SourceAudio) -> float:
    """The longest pause that silence takes the place of. A longer one is left out of the outputs."""
    return _MAX_PAUSE_SAMPLES / (audio.sample_rate_hz * audio.channels)
