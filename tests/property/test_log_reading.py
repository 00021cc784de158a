"""`worker logs` over lines that only look like the worker's."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.application.operations.questions import QUESTIONS
from worker.cli import main
from worker.events import CATALOGUE, Event

FIELDS = sorted({"timestamp", "worker", "job_id", *(name for spec in CATALOGUE.values() for name in spec.fields)})
TIMES = ["2026-11-22T20:01:02Z", "2026-11-22", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "now"]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*TIMES, "failed", "refused", "worker_died", "released", 10**400, -(10**20)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["converting", "0", "x"]), inner),
    max_leaves=5,
)
lines = st.builds(
    lambda event, fields: {**fields, "event": event},
    st.sampled_from([event.value for event in Event]),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
)


@settings(max_examples=30)
@given(st.lists(lines, min_size=1, max_size=8))
def test_every_question_has_an_answer_over_lines_whose_fields_hold_anything(found: list[dict[str, Any]]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        log.write("".join(f"{json.dumps(line)}\n" for line in found))
        log.flush()
        for form in ([], ["--json"]):
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as errors:
                code = main(["logs", "--job", "a", *form, str(Path(log.name))])

            assert code == 0, errors.getvalue()
            if form:
                answers = json.loads(out.getvalue(), parse_constant=_no_number)
                assert answers.keys() == QUESTIONS.keys()


def _no_number(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
