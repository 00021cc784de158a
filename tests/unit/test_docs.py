"""The generated pages say what the code says."""

from __future__ import annotations

import json
import re

import pytest

from docs.generate import HERE, PAGES
from worker.domain.progress import Record


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_in_step_with_the_code(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_record_on_the_page_of_progress_is_one() -> None:
    page = (HERE / "progress.md").read_text(encoding="utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]
    assert Record.from_json(example).to_dict() == json.loads(example)


def test_every_file_that_architecture_names_exists() -> None:
    root = HERE.parent
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+)`", text)) - {"adapters/nats"}  # a cache that is imagined
    places = [root, root / "worker", root / "worker/application"]

    missing = {
        name for name in named if not any((at / name).exists() or (at / f"{name}.py").exists() for at in places)
    }

    assert len(named) > 40
    assert missing == set()
