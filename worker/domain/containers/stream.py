"""The structure of a raw stream of frames: what is missing in it, and what is put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from worker.domain.containers.frames import (
    Chain,
    FrameKind,
    but_for_a_bit,
    chain_begins,
    count_frames,
    find_chain,
    lost_frames,
)
from worker.domain.containers.samples import is_constant
from worker.domain.containers.structure import CUT_OFF, Patch, ReadAt, Structure, damaged
from worker.domain.containers.tags import APE_FOOTER_BYTES, before_tags, behind_tags, behind_tags_between
from worker.domain.containers.zeros import ZEROS_AMID_SOUND, last_frame, zeros_begin_in_last_frame

JUNK_BYTES = 2 << 20  # in front of the first frame and behind the last one
_WINDOW_BYTES = 1 << 16  # that are read first, as most files have no junk
_SMALL_JUNK_BYTES = 1 << 14
_MAX_LOST_PART = 0.1
_LONGEST_FRAME_BYTES = 16_384  # of DTS
_MODEL_BYTES = 16  # of a frame: more than its header
_ROUNDED_BYTES = 2  # by which frames of one bitrate differ
_FRAMES_AT_START = 2
_NAMES_OF_TAGS = (b"ID3", b"Xing", b"Info")  # in front of the first frame, or in it: then it is no sound

Stretched = Callable[[bytes, int], bytes | None]
"""Makes of a header that of the same frame with so many bytes more, which decoders ignore; None where none can be."""
SilentFrame = Callable[[bytes, int], bytes | None]
"""Makes of a header a frame of silence of at most so many bytes; None where there is none."""


def find_first(read_at: ReadAt, start: int, kind: FrameKind) -> int | None:
    """The offset of the first frame behind padding or junk.

    Two frames at the start are sound, whatever follows: what lies between them and the rest is a gap and no padding.
    """
    window = read_at(start, _WINDOW_BYTES)
    if chain_begins(window, 0, kind, frames=_FRAMES_AT_START):
        return start
    found = find_chain(window, kind)
    if found is None:
        found = find_chain(read_at(start, JUNK_BYTES), kind)
    return None if found is None else start + found


def examine_stream(
    read_at: ReadAt,
    start: int,
    size: int,
    kind: FrameKind,
    *,
    silent_frame: SilentFrame | None = None,
    stretched: Stretched | None = None,
    may_lack: Callable[[Chain], bool] = lambda _: False,
    stated_count: Callable[[Chain], int | None] = lambda _: None,
) -> tuple[Structure, Chain]:
    """Count the frames, and find patches that put silence where frames are missing.

    `may_lack` says whether the last frame, which is cut off, is the end of the sound all the same. `stated_count` says
    how many frames there were before any were damaged; None where nothing states that.
    """
    end, mender = before_tags(read_at, start, size), _Mender(kind, silent_frame, stretched)
    begin = find_first(read_at, start, kind)
    if begin is None:
        return Structure(start, end, problem=damaged("no frames of audio follow on each other")), Chain(start, start)
    chain = count_frames(read_at, begin, end, kind)
    _take_damaged_start(read_at, chain, start, mender)
    _take_damaged_end(read_at, chain, end, kind)
    structure = Structure(chain.begin, chain.end, track_seconds=(chain.seconds,), frames_only=True)
    if chain.is_overlong:
        return replace(structure, problem=damaged("most of it is no audio")), chain
    if chain.missing_bytes:
        if not may_lack(chain):
            return replace(structure, problem=CUT_OFF), chain
        structure = replace(structure, end=end, repairs=(f"the last frame lacks {chain.missing_bytes} bytes",))
    if zeros_begin_in_last_frame(read_at, begin, chain.end, end, kind):
        return replace(structure, problem=ZEROS_AMID_SOUND), chain
    structure = _with_ends(read_at, structure, start, end, size)
    if structure.begin and not kind.has_tags_skipped:
        structure = replace(structure, read_range=(structure.begin, structure.end))
    if structure.problem:
        return structure, chain
    if chain.gaps or chain.tags:
        structure = _mended(read_at, structure, chain, mender, stated_count(chain))
    return structure, chain


def _take_damaged_start(read_at: ReadAt, chain: Chain, start: int, mender: _Mender) -> None:
    """What is as long as a frame in front of the chain is a frame whose header is damaged, and no junk.

    It is the first one, or follows on the first one.
    """
    first, gap, begin = mender.kind.measure(read_at(start, _MODEL_BYTES), 0), start, chain.begin
    if first is not None and start + first[0] < begin and first[1].rate_hz in chain.rates_hz:
        gap += first[0]
    if not _is_damaged_frame(read_at, gap, begin, chain, mender.kind):
        return
    is_tag = any(name in read_at(gap, begin - gap) for name in _NAMES_OF_TAGS)
    if not is_tag and mender.patches(read_at, read_at(begin, _MODEL_BYTES), gap, begin, 1) is not None:
        chain.gaps.insert(0, (gap, begin))
        chain.begin = start
        if first is not None and gap > start:
            chain.count += 1
            chain.seconds += first[1].seconds


def _take_damaged_end(read_at: ReadAt, chain: Chain, end: int, kind: FrameKind) -> None:
    """What is as long as a frame behind the chain is a frame whose header is damaged, and no junk.

    It is the last one, or in front of the last one.
    """
    if chain.missing_bytes or behind_tags_between(read_at, chain.end) > chain.end:
        return
    last = last_frame(read_at, end, kind, begin=chain.end)
    frame = None if last is None else kind.measure(read_at(last, _MODEL_BYTES), 0)
    if last is not None and frame is not None and _is_damaged_frame(read_at, chain.end, last, chain, kind):
        chain.gaps.append((chain.end, last))
        chain.count += 1
        chain.seconds += frame[1].seconds
        chain.end = end
    elif _is_damaged_frame(read_at, chain.end, end, chain, kind):
        chain.gaps.append((chain.end, end))
        chain.end = end


def _is_damaged_frame(read_at: ReadAt, begin: int, end: int, chain: Chain, kind: FrameKind) -> bool:
    length = end - begin
    if not kind.header_bytes < length <= _LONGEST_FRAME_BYTES:
        return False
    is_as_long = abs(length - chain.mean_frame_bytes) < _ROUNDED_BYTES
    is_frame = is_as_long or but_for_a_bit(read_at(begin, kind.header_bytes), length, kind) is not None
    return is_frame and not is_constant(read_at, begin, end)


def is_more_than_junk(rest_bytes: int, sound_bytes: int) -> bool:
    """Whether the bytes behind the sound are so many that they may have been sound."""
    return rest_bytes > max(_SMALL_JUNK_BYTES, min(JUNK_BYTES, int(sound_bytes * _MAX_LOST_PART)))


def _first_in_sight(read_at: ReadAt, start: int, begin: int) -> int:
    """Where the decoder begins to read: at the tags, which may stand between the junk and the first frame."""
    if start:
        return 0
    junk = read_at(0, begin)
    tag = junk.find(b"ID3")
    while tag != -1 and behind_tags(read_at, tag) != begin:
        tag = junk.find(b"ID3", tag + 1)
    return begin if tag == -1 else tag


def _with_ends(read_at: ReadAt, structure: Structure, start: int, end: int, size: int) -> Structure:
    """The structure without tags, padding and junk at its ends. Where a decoder reads the tags, junk becomes zeros."""
    repairs, problem, patches = [], None, list[Patch]()
    first = _first_in_sight(read_at, start, structure.begin)
    junk = (first or structure.begin) - start
    if not is_constant(read_at, start, start + junk):
        repairs.append(f"{junk} bytes of junk before the sound were skipped")
        patches += [Patch(start, junk)] if first <= start else []
    behind = behind_tags_between(read_at, structure.end) if structure.end < end else end
    if behind > size + APE_FOOTER_BYTES:
        repairs.append("the tag behind the sound is cut off")
    rest = len(range(behind, end))  # none where a tag reaches behind the end
    if rest and not is_constant(read_at, behind, end):
        repairs.append(f"{rest} bytes of junk behind the sound were skipped")
        if is_more_than_junk(rest, structure.end - structure.begin):
            problem = damaged(f"its last {rest} bytes are no audio")
    last = structure.end  # a decoder takes tags behind the sound for a damaged frame
    return replace(
        structure,
        problem=problem,
        repairs=(*structure.repairs, *repairs),
        patches=tuple(patches),
        read_range=None if (first, last) == (0, size) else (first, last),
    )


@dataclass(frozen=True, slots=True)
class _Mender:
    """Finds what is put in the place of bytes between frames."""

    kind: FrameKind
    silent_frame: SilentFrame | None
    stretched: Stretched | None

    @property
    def done(self) -> str:
        """What is said of sound in whose place something was put."""
        if self.silent_frame is None:
            return "had damaged headers, which were put right"
        return "were damaged; silence took its place"

    def patches(self, read_at: ReadAt, header: bytes, begin: int, end: int, frames: int) -> Sequence[Patch] | None:
        """As many frames of silence as there is room for, or else zeros. None where there is no such frame.

        Where the codec has none, a frame has its header put right: whether the rest is, its decoder sees.
        """
        if frames == 0:
            return [*self._taken_in(read_at, begin, end), Patch(begin, end - begin)]
        if self.silent_frame is None:
            mended = but_for_a_bit(read_at(begin, self.kind.header_bytes), end - begin, self.kind)
            return None if mended is None else [Patch(begin, len(mended), mended)]
        silence = self.silent_frame(header, (end - begin) // frames)
        return None if silence is None else [Patch(begin, end - begin, silence * frames)]

    def _taken_in(self, read_at: ReadAt, begin: int, end: int) -> Iterator[Patch]:
        """Lengthen the frame before over the bytes, where it can be: a decoder may lose the frame behind zeros."""
        last = last_frame(read_at, begin, self.kind)
        if self.stretched is not None and last is not None:
            header = self.stretched(read_at(last, self.kind.header_bytes), end - begin)
            if header is not None:
                yield Patch(last, len(header), header)


def _lost_frames(
    read_at: ReadAt, begin: int, end: int, chain: Chain, kind: FrameKind, stated_count: int | None
) -> Sequence[int]:
    """How many frames there were in a gap, the likeliest number first.

    Where frames differ in length, their mean may be wrong by one; what is stated of the whole file corrects that where
    there is one gap. Files that were joined have another number of frames than the first of them states.
    """
    estimated = lost_frames(read_at, begin, end, chain, kind)
    if stated_count is None or len(chain.gaps) > 1 or abs(stated_count - chain.count - estimated) != 1:
        return [estimated]
    return [max(0, stated_count - chain.count), estimated]  # there may be no room for one more


def _mended(
    read_at: ReadAt, structure: Structure, chain: Chain, mender: _Mender, stated_count: int | None
) -> Structure:
    """The structure with frames of silence in the gaps, as many as have room, and zeros for tags between the frames.

    A decoder may lose the frame that follows on anything else.
    """
    patches = [Patch(begin, end - begin) for begin, end in chain.tags]
    for begin, end in chain.gaps:
        model = last_frame(read_at, begin, mender.kind, begin=structure.begin)
        if model is None:
            model = end if end < chain.end else structure.begin
        header, found = read_at(model, _MODEL_BYTES), None
        for frames in _lost_frames(read_at, begin, end, chain, mender.kind, stated_count):
            found = mender.patches(read_at, header, begin, end, frames)
            if found is not None:
                patches += found
                chain.lost_frames += frames
                break
        if found is None:
            return replace(structure, problem=damaged(f"{end - begin} bytes amid the audio are none"))
    if mender.silent_frame is not None and chain.lost_frames > _MAX_LOST_PART * chain.count:
        return replace(structure, problem=damaged("much of it is no audio"))
    seconds = chain.lost_frames * chain.seconds / chain.count if chain.lost_frames else 0.0
    repairs = []
    if chain.lost_frames:
        repairs.append(f"{seconds:.2f} s of sound {mender.done}")
    elif chain.gaps:
        repairs.append(f"{sum(end - begin for begin, end in chain.gaps)} bytes of junk amid the sound were skipped")
    return replace(
        structure,
        patches=(*structure.patches, *patches),
        track_seconds=(chain.seconds + seconds,),
        repairs=(*structure.repairs, *repairs),
    )
