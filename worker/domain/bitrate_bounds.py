"""The bitrates that encoders take: at which rates, for how many channels."""

from __future__ import annotations

from dataclasses import dataclass

_ABOVE_ALL_RATES_HZ = 1_000_000


@dataclass(frozen=True, slots=True)
class BitrateBounds:
    """The lowest and highest kbit/s a channel that an encoder takes at sample rates below `below_hz`."""

    below_hz: int
    mono: tuple[float, float]
    stereo: tuple[float, float]
    more: tuple[float, float]

    def nearest(self, kbps: int, channels: int) -> int:
        low, high = (self.mono, self.stereo, self.more)[min(channels, 3) - 1]
        return round(min(max(kbps, low * channels), high * channels))


# libopus refuses more than 256 kbit/s a channel.
OPUS_BOUNDS = (BitrateBounds(_ABOVE_ALL_RATES_HZ, mono=(0, 256), stereo=(0, 256), more=(0, 256)),)

# libvorbis takes a bitrate only within bounds that depend on the rate, and none from 50 kHz on. Measured, as in
# lib/modes/setup_*.h of libvorbis.
VORBIS_BOUNDS = (
    BitrateBounds(9_000, mono=(8, 42), stereo=(6, 42), more=(8, 42)),
    BitrateBounds(15_000, mono=(12, 50), stereo=(8, 50), more=(12, 50)),
    BitrateBounds(19_000, mono=(16, 100), stereo=(12, 100), more=(16, 100)),
    BitrateBounds(26_000, mono=(16, 90), stereo=(15, 90), more=(16, 90)),
    BitrateBounds(40_000, mono=(30, 190), stereo=(18, 190), more=(30, 190)),
    BitrateBounds(50_000, mono=(32, 240), stereo=(22.5, 250), more=(32, 240)),
)
