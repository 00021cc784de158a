"""The filters that give an output its gain, and keep its true peaks below a ceiling."""

from __future__ import annotations

from worker.domain.loudness import Gain

# A limiter at four times 48 kHz sees the peaks between the samples (BS.1770-4, annex 2). Its own delay is taken out.
_TRUE_PEAK_RATE_HZ = 192_000
_LIMITER = "alimiter=limit={limit:.6f}:attack=5:release=50:level=0:latency=1"


def gain_filters(gain: Gain, rate_hz: int, target_rate_hz: int) -> list[str]:
    """The filters that apply a gain to sound at `rate_hz`, which is encoded at `target_rate_hz`."""
    filters = [f"volume={gain.db:.4f}dB:precision=double"]
    if gain.ceiling_dbtp is not None:
        limiter = _LIMITER.format(limit=10 ** (gain.ceiling_dbtp / 20))
        filters += [f"aresample={max(rate_hz, _TRUE_PEAK_RATE_HZ)}", limiter, f"aresample={target_rate_hz}"]
    return filters
