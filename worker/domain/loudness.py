"""Loudness and true peak (EBU R 128, ITU-R BS.1770), and the gain that brings an output to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured of a sound, to a tenth.

    `integrated_lufs` is None where nothing is above the gate of -70 LUFS, or the sound is shorter than a block of
    0.4 s (BS.1770-4, annex 1). `true_peak_dbtp` is None for silence.
    """

    integrated_lufs: float | None
    range_lu: float
    true_peak_dbtp: float | None
