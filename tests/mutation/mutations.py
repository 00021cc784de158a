"""What is done to a whole file: each mutation is drawn from a seed, and the same seed gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Units = list[tuple[int, int]]
_BLOCKS = 20  # that are swapped among each other


def _cut(part: float) -> Callable[[bytes, Units, Random], bytes]:
    return lambda data, _, random: data[: int(len(data) * part) + random.randrange(16)]


def _flip(bits: int) -> Callable[[bytes, Units, Random], bytes]:
    def flip(data: bytes, _: Units, random: Random) -> bytes:
        flipped = bytearray(data)
        for _bit in range(bits):
            flipped[random.randrange(len(data))] ^= 1 << random.randrange(8)
        return bytes(flipped)

    return flip


def _tenth(data: bytes, random: Random) -> tuple[int, int]:
    begin = random.randrange(len(data) * 9 // 10)
    return begin, begin + len(data) // 10


def _zero(data: bytes, _: Units, random: Random) -> bytes:
    begin, end = _tenth(data, random)
    return data[:begin] + bytes(end - begin) + data[end:]


def _delete(data: bytes, _: Units, random: Random) -> bytes:
    begin, end = _tenth(data, random)
    return data[:begin] + data[end:]


def _swap(data: bytes, _: Units, random: Random) -> bytes:
    size = len(data) // _BLOCKS
    first, second = sorted(random.sample(range(1, _BLOCKS), 2))
    a, b = first * size, second * size
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def _without(data: bytes, unit: tuple[int, int]) -> bytes:
    return data[: unit[0]] + data[unit[1] :]


def _junk(data: bytes, random: Random) -> bytes:
    """Zeros of any length, or a little noise: much of it behind the sound could as well be sound that is damaged."""
    zeros = bytes(random.randrange(1, 30_000))
    noise = random.randbytes(random.randrange(1, len(data) // 16)).replace(b"\xff", b"\xfe")
    return random.choice((zeros, noise))


# By name: from the file, its units and a source of randomness to the mutant.
MUTATIONS: dict[str, Callable[[bytes, Units, Random], bytes]] = {
    "cut at 50 %": _cut(0.5),
    "cut at 90 %": _cut(0.9),
    "cut at 99 %": _cut(0.99),
    "one bit": _flip(1),
    "eight bits": _flip(8),
    "10 % zeroed": _zero,
    "10 % deleted": _delete,
    "blocks swapped": _swap,
    "first unit missing": lambda data, units, _: _without(data, units[0]),
    "a unit missing": lambda data, units, random: _without(data, random.choice(units[1:-1])),
    "last unit missing": lambda data, units, _: _without(data, units[-1]),
    "junk in front": lambda data, _, random: _junk(data, random) + data,
    "junk behind": lambda data, _, random: data + _junk(data, random),
}

# These take nothing away, so that the sound is all there.
HARMLESS = frozenset({"junk in front", "junk behind"})
