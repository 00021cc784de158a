"""The filters that cut an output out of the source and fade it.

All of them go by the clock and not by a count of samples, because a filter begins anew where the source's format
changes on the way.
"""

from __future__ import annotations

from worker.domain.cutting import Cut


def cut_length_samples(cut: Cut, rate_hz: int) -> int:
    """How many samples at `rate_hz` a cut with an end has."""
    return round((cut.end_seconds or 0.0) * rate_hz) - round(cut.start_seconds * rate_hz)


def cut_filters(cut: Cut, rate_hz: int) -> list[str]:
    """The filters that cut and fade a source at `rate_hz`.

    Without the cut's end there is no fade out, and the fade in is not limited to the cut's length.
    """
    start = round(cut.start_seconds * rate_hz)
    bounds = [f"start={start / rate_hz:.6f}"] if start else []
    if cut.end_seconds is not None:
        bounds.append(f"end={round(cut.end_seconds * rate_hz) / rate_hz:.6f}")
    filters = [f"atrim={':'.join(bounds)}"] if bounds else []
    if start:
        filters.append(f"asetpts=round(PTS-{start}/{rate_hz}/TB)")
    length = None if cut.end_seconds is None else cut.end_seconds - cut.start_seconds
    fade_in = cut.fade_in_seconds if length is None else min(cut.fade_in_seconds, length)
    if round(fade_in * rate_hz):  # afade takes a length of nothing for its default, a second
        filters.append(f"afade=t=in:st=0:d={fade_in:.6f}")
    fade_out = 0.0 if length is None else min(cut.fade_out_seconds, length)
    if length is not None and round(fade_out * rate_hz):
        filters.append(f"afade=t=out:st={length - fade_out:.6f}:d={fade_out:.6f}")
    return filters
