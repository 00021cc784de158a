"""The page of the modules: each file of the worker with the first sentence of its docstring."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parent.parent

PAGE = """\
# Modules

<!-- Written by docs/modules.py from the docstrings in worker/. -->

Each file of the worker, with one sentence.
[ARCHITECTURE.md](../ARCHITECTURE.md) says how they work together.

{packages}
"""

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]


def modules(table: Table) -> str:
    """The page, with one table a package."""
    files = sorted((ROOT / "worker").rglob("*.py"), key=lambda file: (file.parent, file.name))
    sections = (_section(package, list(each), table) for package, each in groupby(files, lambda file: file.parent))
    return PAGE.format(packages="\n\n".join(sections))


def _section(package: Path, files: Sequence[Path], table: Table) -> str:
    purpose = next(_sentence(file) for file in files if file.stem == "__init__")
    rows = [(f"`{file.stem}`", _sentence(file)) for file in files if file.stem != "__init__"]
    files_of_it = f"\n\n{table(('file', ''), rows)}" if rows else ""
    return f"## {package.relative_to(ROOT).as_posix()}\n\n{purpose}{files_of_it}"


def _sentence(file: Path) -> str:
    """The first paragraph of the docstring; ValueError where there is none."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{file} has no docstring")
    return docstring.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
