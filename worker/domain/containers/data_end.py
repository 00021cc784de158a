"""Where the sound of a file with one run of samples ends, which its header may state wrongly."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

from worker.domain.containers.chunks import SOUND_CHUNKS
from worker.domain.containers.samples import SampleLayout, is_constant, is_rough, is_sound
from worker.domain.containers.sizes import SLACK_BYTES, is_placeholder
from worker.domain.containers.structure import CUT_OFF, JOINED, ReadAt, Structure, range_to
from worker.domain.containers.tags import before_tags, behind_tags

UNCLEAR_REST = "the source holds more bytes than its header states, and whether they are sound is not certain"
MORE_SOUND = "the source holds more sound than its header states"

_WRAP_BYTES = 1 << 32
_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff", b"FORM", b".snd", b"caff")
# Names of chunks that writers put behind the samples.
_BEHIND = (
    *(b"LIST", b"bext", b"iXML", b"id3 ", b"ID3 ", b"_PMX", b"axml", b"chna", b"cue ", b"smpl", b"inst", b"acid"),
    *(b"fact", b"PEAK", b"DISP", b"umid", b"regn", b"MARK", b"INST", b"COMT", b"NAME", b"AUTH", b"ANNO", b"(c) "),
)
_NAME_BEHIND = re.compile(b"|".join(map(re.escape, _BEHIND)))
_SEARCHED_BYTES = 1 << 20  # for chunks behind samples whose size is not stated
_MAX_FOUND = 64
_CHUNK_CUT_OFF = "the chunk behind the sound is cut off"
_LEAST_CHUNK_BYTES = 8  # less behind the samples is padding
_SMALL_PART = 10  # of compressed samples: junk up to a tenth of them is skipped, more might be lost sound


@dataclass(frozen=True, slots=True)
class Samples:
    """What a header says of the samples. `stated_bytes` is None where it states no size.

    `layout` is None where they are compressed. A size of 32 bits may be a placeholder, or have wrapped; one of 64
    bits (`is_wide`) is only written when it is known.
    """

    begin: int
    stated_bytes: int | None
    layout: SampleLayout | None
    is_wide: bool = False
    block_bytes: int = 1  # of compressed samples


@dataclass(frozen=True, slots=True)
class DataEnd:
    """`sound` is the offset behind the last sample, `chunks` that behind the chunks that follow.

    `goes_on` says that the header states less sound than there is.
    """

    sound: int
    chunks: int
    problem: str | None = None
    repair: str | None = None
    goes_on: bool = False

    def as_structure(self, samples: Samples, size: int, *, more_problem: str | None = None) -> Structure:
        """The structure of the file. `more_problem` is its problem where there is more sound than the header states.

        It is given for containers in which chunks follow all the same where bytes of the samples are missing.
        """
        begin = min(samples.begin, size)
        sound = min(max(begin, self.sound), size)
        layout, seconds = samples.layout, None
        rest_bytes = (sound - begin) % (layout.frame_bytes if layout else samples.block_bytes)
        # The rest is no whole frame, such as padding that ffmpeg counts in Wave64 and sox in GSM: decoders fail on it.
        visible = sound - rest_bytes if rest_bytes else self.chunks
        if layout and layout.rate_hz:
            seconds = (sound - begin) // layout.frame_bytes / layout.rate_hz
        return Structure(
            begin,
            sound,
            problem=self.problem or (more_problem if self.goes_on else None),
            track_seconds=() if seconds is None else (seconds,),
            repairs=(self.repair,) if self.repair else (),
            read_range=range_to(visible, size),
            ignores_stated_size=self.goes_on,
        )


def find_end(read_at: ReadAt, samples: Samples, size: int, skip_chunks: Callable[[int], int]) -> DataEnd:
    """The end of the samples in a file of `size` bytes. Raises nothing, whatever the bytes are.

    `skip_chunks` gives the offset behind the chunks that follow on an offset.
    """
    there = max(0, size - samples.begin)
    stated = samples.stated_bytes
    if stated == 0 and skip_chunks(samples.begin) < size - SLACK_BYTES:
        stated = None  # 0 is true only where nothing or chunks alone follow
    if stated is None or (not samples.is_wide and stated > there + SLACK_BYTES and is_placeholder(stated, there)):
        end = _before_chunks(read_at, samples.begin, before_tags(read_at, min(samples.begin, size), size), skip_chunks)
        return DataEnd(end, end)
    stated_end = samples.begin + stated
    # What writers count too much is no whole block: so the last of whole blocks is cut off, whatever it lacks.
    slack_bytes = 0 if samples.block_bytes > 1 and stated % samples.block_bytes == 0 else SLACK_BYTES
    if stated_end > size + slack_bytes:
        return DataEnd(size, size, problem=CUT_OFF)
    # A size of 32 bits that wrapped is short by a multiple of 4 GiB. Then chunks or nothing follow on the true one.
    end = stated_end + (size - stated_end) // _WRAP_BYTES * _WRAP_BYTES
    if end > stated_end and _rest(read_at, skip_chunks(end), size)[1] == 0:
        return _going_on(samples, end, size)
    chunks_end = skip_chunks(stated_end)
    rest, rest_bytes = _rest(read_at, chunks_end, size)
    if rest_bytes <= SLACK_BYTES or is_constant(read_at, rest, rest + rest_bytes):
        return DataEnd(min(stated_end, size), chunks_end)
    return _judged(read_at, samples, stated_end, chunks_end, rest + rest_bytes)


def _before_chunks(read_at: ReadAt, begin: int, end: int, skip_chunks: Callable[[int], int]) -> int:
    """Where the chunks begin that end at `end`, as far as they are looked for; `end` where there are none."""
    first = max(begin, end - _SEARCHED_BYTES)
    for found in itertools.islice(_NAME_BEHIND.finditer(read_at(first, end - first)), _MAX_FOUND):
        if end - 1 <= skip_chunks(first + found.start()) <= end:
            return first + found.start()
    return end


def _rest(read_at: ReadAt, chunks_end: int, size: int) -> tuple[int, int]:
    """Where what is neither chunk nor tag begins, and how long it is."""
    begin = min(size, behind_tags(read_at, chunks_end))
    return begin, before_tags(read_at, begin, size) - begin


def _judged(read_at: ReadAt, samples: Samples, stated_end: int, chunks_end: int, rest_end: int) -> DataEnd:
    layout, rest_bytes = samples.layout, rest_end - chunks_end
    if read_at(chunks_end, 4) in _MAGIC:
        return DataEnd(stated_end, chunks_end, problem=JOINED)
    names = {read_at(at, 4) for at in (chunks_end, chunks_end + 1)}  # a byte of padding may stand before
    if not names.isdisjoint(SOUND_CHUNKS):
        return DataEnd(stated_end, chunks_end, problem=MORE_SOUND)
    if not names.isdisjoint(_BEHIND):
        return DataEnd(stated_end, chunks_end, repair=_CHUNK_CUT_OFF)
    junk = DataEnd(stated_end, chunks_end, repair=f"{rest_bytes} bytes of junk behind the sound were skipped")
    unclear = DataEnd(stated_end, chunks_end, problem=UNCLEAR_REST)
    if layout is None:
        return junk if rest_bytes * _SMALL_PART <= stated_end - samples.begin else unclear
    aligned = stated_end - (stated_end - samples.begin) % layout.frame_bytes
    if chunks_end < stated_end + _LEAST_CHUNK_BYTES and is_sound(read_at, aligned, rest_end, layout):
        return _going_on(samples, rest_end, rest_end)
    return unclear if is_rough(read_at, samples.begin, stated_end, layout) else junk


def _going_on(samples: Samples, end: int, chunks_end: int) -> DataEnd:
    repair = f"The header states {samples.stated_bytes} bytes of sound, and all {end - samples.begin} were taken."
    return DataEnd(end, chunks_end, repair=repair, goes_on=True)
