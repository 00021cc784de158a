"""`worker schema`: what it prints is what docs/schemas holds."""

from __future__ import annotations

import json

import pytest

from docs.generate import HERE
from worker import cli
from worker.application.messages.schema import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_printed_as_the_one_json_document(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", name]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads((HERE / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert err == ""
