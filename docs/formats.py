"""The page on formats, and the part of the page on errors that says where a cut begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from worker.domain.audio import FORMATS
from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.sniffing import SOURCES
from worker.domain.containers.structure import Examine

CUTS = f"""\
## When a source is cut off or damaged

A decoder plays half a file to its end and reports success, so the structure of the file decides.
Such a source fails as `unsupported_audio`, and the message says which of the two it is.
[formats.md](formats.md) has what is looked at in each format.

- **A file is whole where its last piece is whole**: a page of Ogg, a frame, an element of Matroska, a packet.
  A mark that says "this is the end" is not asked for, because many recorders never write one:
  Android's in Ogg, browsers in WebM, every broadcast.
- **A piece that begins and does not end is a cut**, however short the rest is: what followed it is not known.
  Of 170 such cuts, five of each kind of file in `tests/mutation`, all are refused.
  One exception: the last frame of an MP3 may lack {SLACK_BYTES} bytes where the encoder's tag counts it as the last.
- **A stated size or length counts where its writer had to know it**: sizes of boxes and chunks, the counts in
  the tag of an MP3, Matroska's segment. It does not count where it is a placeholder, or was copied from a longer
  file, as in the header of a FLAC that was split: then the pieces themselves count.
- **A cut between two pieces cannot be seen** in a format that states no length: raw streams, Ogg without its last
  page, MPEG streams, live WebM. Such a file is taken for whole.
- **Missing pieces in the middle are damage**: Ogg's pages have numbers and checksums, MPEG transport packets have
  counters, the objects in ASF's packets have numbers and sizes, and the elements of Matroska, AVI, FLV and MPEG
  program streams follow each other without a gap.
  A pause in the clock without missing pieces is a pause.
- **What lies around the sound is no sound**: tags, padding and junk in front and behind are passed over.
  Where that could hide a cut, because the end is neither stated nor marked, the file is refused.
"""

FORMATS_PAGE = """\
# Formats

<!-- Written by docs/generate.py from worker/domain/containers and worker/domain/audio.py. -->

## Read

A source is known by its first bytes, never by its name or its content type.
Tags in front of it are skipped, and so is junk of up to 64 KiB, in front of raw streams up to 2 MiB.
Of a file with pictures, the sound is taken.
What is looked at, before the conversion, is this; [errors.md](errors.md) says what follows from it.

{read}

Raw G.722, raw PCM and other recordings without a header are not read: they look like any other bytes.
In a WAV they are read.
MIDI and the modules of trackers are not read: they are notes, not sound.

## Written

{written}

What each of them can be asked for is in [options.md](options.md).
"""


def formats(table: Callable[[Sequence[str], Iterable[Sequence[str]]], str]) -> str:
    """The page; `table` writes its head and rows as Markdown."""
    read = table(
        ("format", "what is looked at"), ((source.title, _promise(source.examine)) for source in SOURCES.values())
    )
    written = table(("format", ""), ((f"`{name}`", rules.description) for name, rules in FORMATS.items()))
    return FORMATS_PAGE.format(read=read, written=written)


def _promise(examine: Examine) -> str:
    return (examine.__doc__ or "").strip().splitlines()[0]
