"""What the application asks of the world: narrow Protocols, and the values that pass through them.

A method raises what its docstring names, which is a `WorkerError` unless that says otherwise, and never a vendor's
exception. A fake of a port is an adapter like the real one and passes the same contract suite (tests/contract).
"""

from worker.domain.refusals import NoIndexError, NotAllowedError
from worker.ports.audio import (
    AudioConverter,
    ConversionProgress,
    Converted,
    DownloadedPart,
    IncomingSource,
    JoinedSources,
    MispredictedError,
    OutputLimitError,
    SourceAudio,
    SpareSlots,
)
from worker.ports.inspection import (
    ConverterFacts,
    DependencyMissingError,
    QueueFacts,
    TableFacts,
    UnusableConverterError,
)
from worker.ports.objects import (
    DIRECTORY_MARK,
    Artifact,
    BytesDone,
    ObjectExistsError,
    ObjectStore,
    Seen,
    SourceObject,
    Stream,
    UploadAhead,
    is_left_by,
    marks_of,
)
from worker.ports.platform import Credentials, ScaleInProtection
from worker.ports.progress import (
    Conflict,
    JobIndex,
    JobTable,
    ListedJob,
    ListPosition,
    ProgressCache,
    ProgressStore,
    StoreUnavailableError,
    UnreadableRecordError,
    WriteResult,
    Written,
)
from worker.ports.publishing import EventPublisher
from worker.ports.queue import (
    MAX_BATCH_ENTRIES,
    MAX_IN_FLIGHT_SECONDS,
    DeadLetter,
    DeadLetterQueue,
    Delivery,
    JobQueue,
    ReceiptExpiredError,
)
from worker.ports.tracing import JobTrace, Span, Tracer
from worker.ports.volume import Volume

__all__ = [
    "DIRECTORY_MARK",
    "MAX_BATCH_ENTRIES",
    "MAX_IN_FLIGHT_SECONDS",
    "Artifact",
    "AudioConverter",
    "BytesDone",
    "Conflict",
    "ConversionProgress",
    "Converted",
    "ConverterFacts",
    "Credentials",
    "DeadLetter",
    "DeadLetterQueue",
    "Delivery",
    "DependencyMissingError",
    "DownloadedPart",
    "EventPublisher",
    "IncomingSource",
    "JobIndex",
    "JobQueue",
    "JobTable",
    "JobTrace",
    "JoinedSources",
    "ListPosition",
    "ListedJob",
    "MispredictedError",
    "NoIndexError",
    "NotAllowedError",
    "ObjectExistsError",
    "ObjectStore",
    "OutputLimitError",
    "ProgressCache",
    "ProgressStore",
    "QueueFacts",
    "ReceiptExpiredError",
    "ScaleInProtection",
    "Seen",
    "SourceAudio",
    "SourceObject",
    "Span",
    "SpareSlots",
    "StoreUnavailableError",
    "Stream",
    "TableFacts",
    "Tracer",
    "UnreadableRecordError",
    "UnusableConverterError",
    "UploadAhead",
    "Volume",
    "WriteResult",
    "Written",
    "is_left_by",
    "marks_of",
]
