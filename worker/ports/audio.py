"""What turns a source into outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from worker.domain.errors import WorkerError
from worker.domain.job import OutputSpec
from worker.domain.joining import SourcePart
from worker.domain.source_format import SourceFormat, container_name
from worker.ports.objects import Artifact

if TYPE_CHECKING:  # programs that convert nothing do not load the containers
    from worker.domain.containers.structure import Structure
    from worker.domain.tags.chapters import Chapter
    from worker.domain.tags.collecting import Tags
    from worker.domain.tags.pictures import Picture


_CODED_BYTES_PER_SECOND = 20_000


@dataclass(frozen=True, slots=True)
class SourceAudio:
    """What the source is, as far as its headers say.

    `duration_seconds` is None where only decoding can find it out; it is trusted where it is given.
    """

    container: str  # the demuxer's name
    codec: str
    sample_rate_hz: int
    channels: int
    bits_per_sample: int | None  # as they are stored; None for lossy codecs
    duration_seconds: float | None
    size_bytes: int
    structure: Structure  # for the converter that found it
    layout: str = "stereo"  # of its channels, by the converter's name
    track: int = 0  # among all streams of the source: the one that is converted
    starts_at_seconds: float = 0.0  # on the source's own clock
    tags: Tags = field(default_factory=dict)
    cover: Picture | None = None
    chapters: tuple[Chapter, ...] = ()
    loses_frames: bool = False  # some cannot be decoded, so that silence has to take the place of each
    changes_format: bool = False  # its rate or its channels change on the way
    parts: tuple[SourceAudio, ...] = ()  # that follow each other in the source, each with a decoder of its own
    is_finite: bool | None = True  # False: some samples are infinite or no numbers; None: that is not known
    may_be_huge: bool = False  # some samples may be so far above full scale that encoders fail with them
    is_predicted: bool = False  # read from the source's own headers; the converter has not yet said the same
    made_of: SourceFormat | None = None  # where this is the samples of joined sources: what the record says of these
    clips_at: float | None = None  # for joined sources: the lowest full scale of those with the most bits

    @property
    def format(self) -> SourceFormat:
        """What the record says of the source."""
        if self.made_of is not None:
            return self.made_of
        return SourceFormat(
            container_name(self.container),
            self.codec,
            self.sample_rate_hz,
            self.channels,
            self.bits_per_sample,
            self.duration_seconds,
        )


@dataclass(frozen=True, slots=True)
class DownloadedPart:
    """A part of joined sources: the file that its source is, and what that turned out to be."""

    part: SourcePart
    path: Path
    audio: SourceAudio

    @property
    def source_seconds(self) -> float:
        """The length of the whole source; estimated from its size where only decoding can find it out."""
        seconds = self.audio.duration_seconds
        return self.audio.size_bytes / _CODED_BYTES_PER_SECOND if seconds is None else seconds

    @property
    def seconds(self) -> float:
        """The length of the part, as far as it is known."""
        end = self.source_seconds if self.part.end_seconds is None else self.part.end_seconds
        return max(0.0, min(end, self.source_seconds) - (self.part.start_seconds or 0.0))


@dataclass(frozen=True, slots=True)
class JoinedSources:
    """The one sound that sources were joined into, and what was repaired of them, in sentences."""

    audio: SourceAudio
    repaired: tuple[str, ...] = ()


@dataclass(slots=True)
class ConversionProgress:
    """How far a conversion is. The converter writes it; others read it, each at its own pace.

    `seconds_done` is audio that has been written, `bytes_read` how much of the source has been read (None: not known).
    `encoders` is how many work side by side at parts of the source; at the end, how many did on average.
    """

    seconds_done: float = 0.0
    bytes_read: int | None = None
    encoders: float = 1.0


@dataclass(frozen=True, slots=True)
class Converted:
    """The result of a conversion: an artifact for each output, and what was repaired of the source, in sentences.

    `source_seconds` is the length of the whole source.
    """

    artifacts: tuple[Artifact, ...]
    source_seconds: float
    repaired: tuple[str, ...] = ()


class OutputLimitError(WorkerError):
    """An output became larger than `max_file_bytes`."""


class MispredictedError(WorkerError):
    """The converter reads the source otherwise than it was predicted, so that a probe has to be asked."""

    def __init__(self) -> None:
        super().__init__("the source is not known to be what was predicted of it")


class ReadOnceError(WorkerError):
    """A source that is not kept would have to be read more than once."""

    def __init__(self) -> None:
        super().__init__("the source is not kept, and would have to be read more than once")


class IncomingSource(Protocol):
    """A source whose file is still being written, from the first byte to the last. What is there is not changed.

    One that is not kept loses what has been read: it can be read once, in order.
    """

    @property
    def size_bytes(self) -> int:
        """The size of the whole source."""

    @property
    def written_bytes(self) -> int:
        """How many bytes are in the file."""

    @property
    def is_kept(self) -> bool:
        """Whether all that comes stays in the file."""

    @property
    def is_complete(self) -> bool:
        """Whether all of it is in the file, and was not changed meanwhile."""

    async def wait_for_more_than(self, written_bytes: int) -> None:
        """Wait until more bytes than that are written, or all. If the download fails, the task is cancelled.

        Raises ReadOnceError where the byte at that offset has been read and is not kept.
        """

    def read_up_to(self, offset: int) -> None:
        """Note that the bytes before this offset have been read. A source that is not kept comes no further else."""

    async def wait_until_complete(self) -> None:
        """Wait until all of it has come. If the download fails, the task is cancelled."""


class SpareSlots(Protocol):
    """The slots of the worker in which there is no job, for jobs that can use more than one."""

    @property
    def concurrency(self) -> int:
        """How many slots the worker has."""

    @property
    def spare(self) -> int:
        """How many are free now. Each can be borrowed as soon as no job has come for a while."""

    def borrowed(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """Wait until a slot is free and no job has come for a while, and keep the slot inside the `with`.

        The event is set when a job needs the slot: what runs in it then has to stop at once.
        """


class AudioConverter(Protocol):
    """Says what a source is, joins sources, and converts a source to all outputs of a job at once."""

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        """Read the headers. Raises UnsupportedAudioError, NoAudioError, StalledError, ConverterCrashedError.

        Like the other calls it raises DependencyUnavailableError where the machine cannot start the converter now.
        A probe costs a process. With `may_predict` none is started for a source whose own headers say all that the
        converter would say; the result is then marked, and `convert` compares it with what the converter finds.
        """

    async def predict_from_front(self, source: Path, incoming: IncomingSource) -> SourceAudio | None:
        """What `probe` would predict of the whole source, read from the headers in the part of it that has come.

        None where they do not say all. Raises nothing about the source.
        """

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
        incoming: IncomingSource | None = None,
    ) -> Converted:
        """Convert to one artifact for each output, in their order, complete and checked. Keeps `progress` up to date.

        No file that is written becomes larger than `max_file_bytes`. Without it, the longest duration decides.
        The `audio` of an `incoming` source was predicted from its front; the result counts only if all of it comes.
        Raises ReadOnceError where it is not kept and one pass over it is not enough.
        When the call is cancelled, the converter's whole process group has been killed by the time it returns.
        Raises InvalidMessageError where the source lacks what an output asks for; UnsupportedAudioError, NoAudioError,
        DurationTooLongError, OutputsTooLargeError, OutputLimitError, WorkspaceFullError, ConverterCrashedError,
        ConverterAlwaysFailsError; and for a source that was predicted MispredictedError, in place of all others where
        the prediction is not known to be right.
        """

    async def join(
        self,
        parts: Sequence[DownloadedPart],
        path: Path,
        *,
        crossfade_seconds: float,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
    ) -> JoinedSources:
        """Decode the parts, one behind the other, to one new file of plain samples: a source for `convert`.

        Each source is decoded and checked as one alone would be. `progress` counts the seconds of all the sources, as
        the parts say how long these are. No file becomes larger than `max_file_bytes`. Cancelling is as in `convert`.
        Raises InvalidMessageError where a part lacks what is asked for; DurationTooLongError where the sources
        together, uncut, play for longer; about one source, with its name, UnsupportedAudioError, NoAudioError,
        ConverterCrashedError and ConverterAlwaysFailsError; OutputLimitError, WorkspaceFullError.
        """
