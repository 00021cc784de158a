"""When the circuit opens, what closes it, and how long it waits between probes."""

from __future__ import annotations

import pytest

from worker.domain.circuit import CALM_SECONDS, SECONDS_BETWEEN_GOOD_PROBES, WINDOW_SECONDS, Circuit, Severity


def closed(at: float = 0.0) -> Circuit:
    circuit = Circuit()
    assert circuit.probe_succeeded(at)
    return circuit


def fail(circuit: Circuit, at: float = 1.0, severity: Severity = Severity.SOFT) -> bool:
    return circuit.call_failed(circuit.generation, severity, at)


def succeed(circuit: Circuit, at: float = 1.0) -> None:
    circuit.call_succeeded(circuit.generation, at)


def test_it_starts_open_and_one_good_probe_at_once_closes_it() -> None:
    circuit = Circuit()
    assert not circuit.is_closed
    assert circuit.probe_delay_seconds(random=0.9) == 0
    assert circuit.probe_succeeded(at=0)
    assert circuit.is_closed


def test_three_soft_failures_in_a_row_open_it() -> None:
    circuit = closed()
    assert [fail(circuit), fail(circuit), fail(circuit)] == [False, False, True]
    assert not circuit.is_closed


def test_a_success_between_failures_starts_the_count_again() -> None:
    circuit = closed()
    fail(circuit)
    fail(circuit)
    succeed(circuit)
    assert not fail(circuit)
    assert not fail(circuit)
    assert circuit.is_closed


def test_one_hard_failure_opens_it() -> None:
    assert fail(closed(), severity=Severity.HARD)


def test_a_failure_of_our_own_says_nothing_of_the_store() -> None:
    circuit = closed()
    assert not any(fail(circuit, severity=Severity.LOCAL) for _ in range(100))
    fail(circuit)
    fail(circuit)
    fail(circuit, severity=Severity.LOCAL)
    assert fail(circuit)


def test_half_of_ten_calls_open_it_though_never_three_fail_in_a_row() -> None:
    circuit = closed()
    opened = []
    for call in range(9):
        if call % 2:
            succeed(circuit, at=call)
        else:
            opened.append(fail(circuit, at=call))
    assert opened == [False] * 5
    succeed(circuit, at=9)
    assert fail(circuit, at=9)


def test_failures_that_are_older_than_the_window_are_forgotten() -> None:
    circuit = closed()
    for call in range(8):
        succeed(circuit, at=0.1 * call)
        if call < 4:
            fail(circuit, at=0.1 * call)
    later = WINDOW_SECONDS + 1
    for _ in range(9):
        succeed(circuit, at=later)
    assert not fail(circuit, at=later)


def test_a_result_from_before_a_trip_changes_nothing_after_it() -> None:
    circuit = closed()
    before = circuit.generation
    fail(circuit, severity=Severity.HARD)

    circuit.call_succeeded(before, 2.0)
    assert not circuit.is_closed
    circuit.probe_succeeded(3.0)
    assert circuit.probe_succeeded(3.3)
    assert not circuit.call_failed(before, Severity.HARD, 4.0)
    assert circuit.is_closed


def test_after_a_trip_it_takes_two_good_probes_in_a_row() -> None:
    circuit = closed()
    fail(circuit, severity=Severity.HARD)
    assert not circuit.probe_succeeded(2.0)
    circuit.probe_failed()
    assert not circuit.probe_succeeded(3.0)
    assert circuit.probe_delay_seconds(0.5) == SECONDS_BETWEEN_GOOD_PROBES
    assert circuit.probe_succeeded(3.3)


def test_a_probe_of_a_closed_circuit_changes_nothing() -> None:
    circuit = closed()
    assert not circuit.probe_succeeded(1.0)
    circuit.probe_failed()
    assert circuit.is_closed


def test_probes_back_off_from_half_a_second_to_three_with_jitter() -> None:
    circuit = closed()
    fail(circuit, severity=Severity.HARD)
    longest = []
    for _ in range(5):
        assert circuit.probe_delay_seconds(0.0) == pytest.approx(circuit.probe_delay_seconds(1.0) / 2)
        longest.append(circuit.probe_delay_seconds(1.0))
        circuit.probe_failed()
    assert longest == [0.5, 1, 2, 3, 3]


def test_flapping_does_not_shorten_the_delays_and_calm_does() -> None:
    circuit = closed()
    at = 0.0
    longest = []
    for pause in (CALM_SECONDS, 1.0, 1.0, CALM_SECONDS):
        at += pause
        fail(circuit, at=at, severity=Severity.HARD)
        longest.append(circuit.probe_delay_seconds(1.0))
        circuit.probe_succeeded(at)
        circuit.probe_succeeded(at)
    assert longest == [0.5, 1, 2, 0.5]


@pytest.mark.parametrize(("calls", "opens"), [("sfsfsfsfsf", True), ("sssfsfsfsf", False), ("ssfsfsfsf", False)])
def test_five_of_ten_calls_open_it_and_neither_four_nor_half_of_nine_do(calls: str, *, opens: bool) -> None:
    circuit = closed()
    for call in calls[:-1]:
        assert not (call == "f" and fail(circuit))
        if call == "s":
            succeed(circuit)

    assert fail(circuit) is opens


def test_failures_from_before_a_trip_are_not_counted_after_it() -> None:
    circuit = closed()
    for _ in range(3):
        fail(circuit)
    assert not circuit.probe_succeeded(2.0)
    assert circuit.probe_succeeded(2.5)

    for _ in range(6):
        succeed(circuit, at=3.0)
    assert [fail(circuit, at=3.0), fail(circuit, at=3.0)] == [False, False]
    succeed(circuit, at=3.0)
    assert not fail(circuit, at=3.0)
    succeed(circuit, at=3.0)
    assert not fail(circuit, at=3.0)


def test_a_good_probe_is_followed_by_another_in_a_quarter_of_a_second() -> None:
    circuit = closed()
    assert fail(circuit, severity=Severity.HARD)

    assert not circuit.probe_succeeded(at=2.0)
    assert circuit.probe_delay_seconds(random=0.9) == 0.25
