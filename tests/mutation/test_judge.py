"""The judge notices each wrong end, and takes no right one for it."""

from __future__ import annotations

import pytest

from tests.mutation.judge import Fault, judge
from tests.mutation.mutations import MUTATIONS
from tests.mutation.sources import SOURCES
from tests.mutation.trial import Outcome, Trial, hear_wav
from tests.support.sweep import WHOLE, HeardSweep, sweep_wav
from worker.domain.errors import ConverterCrashedError, UnsupportedAudioError

TRIAL = Trial("plain.flac", "10 % zeroed", 1)
CUT_OFF = UnsupportedAudioError("the source is cut off: the file ends before its audio does")


def faults(outcome: Outcome, trial: Trial = TRIAL, others: dict[str, HeardSweep] | None = None) -> list[Fault]:
    return [finding.fault for finding in judge(trial, outcome, WHOLE, others or {})]


def without(begin: float, end: float) -> HeardSweep:
    """The whole sound with silence between two times."""
    return HeardSweep(
        tuple(None if place is not None and begin <= place < end else place for place in WHOLE.places), WHOLE.seconds
    )


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000])
def test_the_sweep_is_heard_whole_and_in_its_place(rate_hz: int) -> None:
    heard = hear_wav(sweep_wav(rate_hz))

    assert heard.missing_from(WHOLE, at_least=0.03) == []
    assert heard.misplaced_seconds() == 0


def test_a_hole_in_the_sweep_is_heard_where_it_is() -> None:
    wav = bytearray(sweep_wav(44_100))
    begin, end = (44 + 4 * int(at * 44_100) for at in (1.0, 1.2))
    wav[begin:end] = bytes(end - begin)

    ((lost_from, lost_to),) = hear_wav(bytes(wav)).missing_from(WHOLE, at_least=0.05)

    assert lost_from == pytest.approx(1.05, abs=0.05)
    assert lost_to == pytest.approx(1.15, abs=0.05)


def test_what_is_cut_out_of_the_sweep_puts_the_rest_out_of_place() -> None:
    wav = sweep_wav(44_100)
    begin, end = (44 + 4 * int(at * 44_100) for at in (1.0, 1.3))

    heard = hear_wav(wav[:begin] + wav[end:])

    assert heard.misplaced_seconds() == pytest.approx(1.7, abs=0.1)
    assert heard.missing_from(WHOLE, at_least=0.05)


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome(without(1.0, 1.3)), Fault.SOUND_LOST),
        (Outcome(without(2.7, 3.0)), Fault.SOUND_LOST),
        (Outcome(without(1.0, 2.0), repaired=("a little",)), Fault.REPAIR_TOO_SMALL),
        (Outcome(None, error=ConverterCrashedError("it ended")), Fault.RETRIED),
        (Outcome(None, error=UnsupportedAudioError("the codec is not supported")), Fault.WRONG_REASON),
        (Outcome(None, error=CUT_OFF, took_seconds=60.0), Fault.SLOW),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_wrong_end_is_noticed(outcome: Outcome, fault: Fault) -> None:
    assert faults(outcome) == [fault]


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(WHOLE),
        Outcome(without(1.0, 1.05)),
        Outcome(without(1.0, 1.3), repaired=("0.3 s",)),
        Outcome(None, error=CUT_OFF),
    ],
    ids=["whole", "a click", "repaired", "refused"],
)
def test_a_right_end_is_none(outcome: Outcome) -> None:
    assert faults(outcome) == []


def test_what_is_whole_may_not_be_refused() -> None:
    refused = Outcome(None, error=CUT_OFF)

    assert faults(refused, Trial("plain.flac", "junk behind", 1)) == [Fault.REFUSED]
    assert faults(refused, others={"flac": WHOLE}) == [Fault.REFUSED]
    assert faults(refused, others={"flac": without(1.0, 1.2)}) == []


def test_only_what_others_hear_can_be_lost() -> None:
    assert faults(Outcome(without(1.0, 1.3)), others={"flac": without(0.9, 1.4)}) == []
    assert faults(Outcome(without(1.0, 1.3)), others={"flac": without(1.0, 1.1)}) == [Fault.SOUND_LOST]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_changes_the_file_and_is_the_same_for_the_same_seed(mutation: str) -> None:
    trial = Trial("plain.aac", mutation, 7)

    assert trial.mutant() == trial.mutant() != Trial("plain.aac", "junk in front", 8).mutant()


def test_each_source_is_made() -> None:
    assert len(SOURCES) > 30
