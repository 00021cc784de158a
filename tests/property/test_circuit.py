"""For any events in any order, the circuit does what a model of twenty lines does."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from worker.domain.circuit import PROBE_BACKOFF, Circuit, Severity


class Model:
    """The rules again, the simplest way: all calls are kept, and counted anew each time."""

    def __init__(self) -> None:
        self.closed, self.generation, self.needed, self.good = False, 0, 1, 0
        self.streak, self.exponent, self.closed_at = 0, 0, 0.0
        self.calls: list[tuple[float, bool]] = []

    def call(self, generation: int, at: float, severity: Severity | None) -> bool:
        if not self.closed or generation != self.generation or severity is Severity.LOCAL:
            return False
        self.calls.append((at, severity is not None))
        self.streak = self.streak + 1 if severity else 0
        recent = [has_failed for when, has_failed in self.calls if when > at - 10]
        is_half = len(recent) >= 10 and 2 * sum(recent) >= len(recent)
        if severity is None or not (severity is Severity.HARD or self.streak >= 3 or is_half):
            return False
        self.exponent = 1 if at - self.closed_at >= 30 else self.exponent + 1
        self.closed, self.generation, self.needed, self.good = False, self.generation + 1, 2, 0
        return True

    def probe(self, at: float, *, is_good: bool) -> None:
        if self.closed:
            return
        self.good = self.good + 1 if is_good else 0
        if not is_good:
            self.exponent, self.needed = self.exponent + 1, 2
        elif self.good == self.needed:
            self.closed, self.closed_at, self.streak, self.calls = True, at, 0, []


class CircuitMachine(RuleBasedStateMachine):
    """Calls that end well, badly, late or never, probes, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.model, self.now = Circuit(), Model(), 1000.0
        self.under_way: list[int] = []  # the generations in which calls began

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 10.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_begins(self) -> None:
        self.under_way.append(self.circuit.generation)

    @precondition(lambda self: self.under_way)
    @rule(pick=st.integers(0), severity=st.sampled_from([None, None, *Severity]))
    def a_call_ends(self, pick: int, severity: Severity | None) -> None:
        self._ended(self.under_way.pop(pick % len(self.under_way)), severity)

    @rule(results=st.lists(st.sampled_from([None, Severity.SOFT]), min_size=5, max_size=15))
    def calls_come_and_go(self, results: list[Severity | None]) -> None:
        for severity in results:
            self._ended(self.circuit.generation, severity)

    @precondition(lambda self: self.under_way)
    @rule(pick=st.integers(0))
    def a_call_is_cancelled(self, pick: int) -> None:
        self.under_way.pop(pick % len(self.under_way))

    @rule(is_good=st.booleans())
    def a_probe_ends(self, is_good: bool) -> None:
        if is_good:
            was_closed = self.circuit.is_closed
            closed_it = self.circuit.probe_succeeded(self.now)
            assert closed_it == (self.circuit.is_closed and not was_closed)
        else:
            self.circuit.probe_failed()
        self.model.probe(self.now, is_good=is_good)

    @rule()
    def a_probe_is_cancelled(self) -> None:
        """Nothing is reported."""

    def _ended(self, generation: int, severity: Severity | None) -> None:
        if severity is None:
            self.circuit.call_succeeded(generation, self.now)
            assert not self.model.call(generation, self.now, None)
        else:
            opened = self.circuit.call_failed(generation, severity, self.now)
            assert opened == self.model.call(generation, self.now, severity)

    @invariant()
    def they_agree(self) -> None:
        assert (self.circuit.is_closed, self.circuit.generation) == (self.model.closed, self.model.generation)

    @invariant()
    def the_delay_is_the_models(self) -> None:
        delay = self.circuit.probe_delay_seconds(1.0)
        assert 0 <= delay <= PROBE_BACKOFF.cap_seconds
        if not self.model.closed and self.model.good == 0:
            assert delay == (0 if self.model.exponent == 0 else min(3.0, 0.5 * 2 ** (self.model.exponent - 1)))


CircuitMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=60)
test_the_circuit_is_its_model = CircuitMachine.TestCase
