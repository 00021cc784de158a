"""What must hold of each mutant, and the listed cases in which damage cannot be detected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.mutation.mutations import HARMLESS
from tests.mutation.trial import Outcome, Trial
from tests.support.sweep import HeardSweep
from worker.domain.errors import ErrorCode

_LOST_SECONDS = 0.1  # a click of one frame is no loss that a listener could name
_SHORT_SECONDS = 0.005
_REPAIRED_SECONDS = 0.5  # a tenth of the sound, and what a codec loses before and behind it
_AT_ONCE_SECONDS = 20.0
_TRUE_REASONS = re.compile(
    r"the source is (cut off|damaged|not audio of a format|more than .* in a row)|the source holds (no sound|nothing)"
    r"|the source has (no audio stream|a pause of)"
    r"|a sample rate of \d+ Hz is not supported|\d+ channels are not supported"
)


class Fault(StrEnum):
    """The wrong ends of a job, the most harmful first."""

    SOUND_LOST = "completed, and sound is missing"
    REPAIR_TOO_SMALL = "completed as repaired, and more is missing than a repair may leave"
    REFUSED = "refused, and all sound is there"
    RETRIED = "refused as if it might pass"
    WRONG_REASON = "refused for a reason that is not the true one"
    SLOW = "not refused at once"


@dataclass(frozen=True, slots=True)
class Finding:
    """One wrong end."""

    trial: Trial
    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.trial}: {self.fault} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Excuse:
    """Sources and mutations, as patterns, in which a fault cannot be detected, and why."""

    sources: str
    mutations: str
    faults: frozenset[Fault]
    reason: str

    def covers(self, finding: Finding) -> bool:
        return (
            finding.fault in self.faults
            and re.fullmatch(self.sources, finding.trial.source) is not None
            and re.fullmatch(self.mutations, finding.trial.mutation) is not None
        )


_LOST = frozenset({Fault.SOUND_LOST, Fault.REPAIR_TOO_SMALL})
_TAKEN_AWAY = "10 % deleted|blocks swapped|(first|a|last) unit missing"

_BITS = "one bit|eight bits"

EXCUSES: Sequence[Excuse] = (
    Excuse(r"(pcm|deep)\..*", f"10 % zeroed|blocks swapped|{_BITS}", _LOST, "any bytes are samples"),
    Excuse(
        r".*\.(mp3|aac|ac3|amr)",
        f"{_TAKEN_AWAY}|10 % zeroed|{_BITS}",
        _LOST,
        "frames have neither numbers nor, mostly, checksums: what is gone between two of them leaves no trace",
    ),
    Excuse(
        r"fragmented\.m4a|live\.webm",
        "10 % deleted|blocks swapped|a unit missing",
        frozenset({Fault.REPAIR_TOO_SMALL}),
        "a missing fragment is a pause in the clock, as recorders make them, and the record says how long it is",
    ),
    Excuse(
        r"fragmented\.m4a|live\.webm",
        "(first|last) unit missing",
        _LOST,
        "such a file begins and ends with any fragment",
    ),
    Excuse(
        r".*\.(ts|mpg)",
        "first unit missing",
        _LOST,
        "a broadcast may be joined at any packet, and begins with the next",
    ),
    Excuse(r".*\.wma", _BITS, _LOST, "packets have no checksum"),
    Excuse(
        r".*\.amr",
        "junk behind",
        frozenset({Fault.REFUSED}),
        "a quarter of all bytes can begin a frame, so noise looks like frames that are cut off",
    ),
    Excuse(
        r".*\.(m4a|mp4|au|tta)",
        "junk in front",
        frozenset({Fault.REFUSED}),
        "players do not look for these behind junk: an MP4 counts its offsets from the beginning of the file",
    ),
    Excuse(
        ".*",
        "cut at .*|(first|a|last) unit missing",
        frozenset({Fault.REFUSED}),
        "bytes are missing, and that they were only an index, a picture or padding is not looked into",
    ),
    Excuse(
        r".*\.(mka|mkv|webm|avi|flv|ts|mpg|ogg|oga|wma)",
        f"10 % zeroed|10 % deleted|blocks swapped|{_BITS}",
        frozenset({Fault.REFUSED}),
        "the structure or a checksum is damaged, and a decoder decodes all of it by chance",
    ),
    Excuse(
        r"live\.webm",
        "junk behind",
        frozenset({Fault.REFUSED}),
        "nothing states where the sound ends, so noise looks like sound that is damaged",
    ),
)


def is_excused(finding: Finding) -> bool:
    return any(excuse.covers(finding) for excuse in EXCUSES)


def judge(trial: Trial, outcome: Outcome, whole: HeardSweep, others: Mapping[str, HeardSweep]) -> Iterator[Finding]:
    """The wrong ends, excused ones among them.

    `whole` is what is decoded of the file without a mutation, `others` what independent decoders decode of the mutant.
    Where there are any, no more than that could be decoded.
    """
    if outcome.error is not None:
        yield from _of_refusal(trial, outcome, whole, others)
    elif outcome.heard is not None:
        for name, wanted in (others or {"the whole file": whole}).items():
            missing = outcome.heard.missing_from(wanted, at_least=_LOST_SECONDS)
            total = sum(end - begin for begin, end in missing)
            detail = f"{name} has {', '.join(f'{begin:.2f} to {end:.2f} s' for begin, end in missing)}"
            if missing and not outcome.repaired:
                yield Finding(trial, Fault.SOUND_LOST, detail)
            elif total > _REPAIRED_SECONDS:
                yield Finding(trial, Fault.REPAIR_TOO_SMALL, f"{detail}; {'; '.join(outcome.repaired)}")


def _is_whole(heard: HeardSweep, whole: HeardSweep) -> bool:
    """Whether a decoder found nothing wrong, and all of the sound in its place."""
    return (
        heard.is_clean
        and heard.seconds >= whole.seconds - _SHORT_SECONDS
        and not heard.missing_from(whole, at_least=_SHORT_SECONDS)
        and heard.misplaced_seconds() <= _LOST_SECONDS
    )


def _of_refusal(
    trial: Trial, outcome: Outcome, whole: HeardSweep, others: Mapping[str, HeardSweep]
) -> Iterator[Finding]:
    error = outcome.error
    assert error is not None
    if trial.mutation in HARMLESS or any(_is_whole(other, whole) for other in others.values()):
        yield Finding(trial, Fault.REFUSED, str(error))
    if error.retryable:
        yield Finding(trial, Fault.RETRIED, f"{error.code}: {error}")
    elif error.code not in {ErrorCode.UNSUPPORTED_AUDIO, ErrorCode.NO_AUDIO} or not _TRUE_REASONS.match(str(error)):
        yield Finding(trial, Fault.WRONG_REASON, f"{error.code}: {error}")
    if outcome.took_seconds > _AT_ONCE_SECONDS:
        yield Finding(trial, Fault.SLOW, f"{outcome.took_seconds:.0f} s")
