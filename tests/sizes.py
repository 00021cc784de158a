"""Measures the sizes that CONTRIBUTING.md promises: lines of a file, lines of a function, arguments of a constructor.

`make check` runs it as `python -m tests.sizes`: one line on standard error for each size over its limit, and exit
code 1. Of JavaScript it measures only files. A dataclass has fields, which its users name; only a written `__init__`
is a constructor here.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_LINES = 299
MAX_FUNCTION_LINES = 49
MAX_CONSTRUCTOR_ARGUMENTS = 6  # self is not counted

_FILES_OF = ("worker", "tests", "benchmarks", "deploy", "docs", "examples")
_SUFFIXES = frozenset({".py", ".js", ".mjs"})
_FUNCTIONS_OF = "worker"
_CONSTRUCTORS_OF = "worker/application"

# Each name as `problems` prints it, and the reason why it may be over the limit.
EXCEPTIONS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Problem:
    """A size over its limit. `name` is `path` or `path:qualified.name`, relative to the repository."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


def problems(root: Path, exceptions: Mapping[str, str]) -> list[Problem]:
    """What is over a limit beneath `root`, and each of the `exceptions` that nothing needs any more."""
    found = list(_over_limit(root))
    needed = {problem.name for problem in found}
    stale = [Problem(name, "is listed as an exception and needs none") for name in exceptions if name not in needed]
    return [problem for problem in found if problem.name not in exceptions] + stale


def _over_limit(root: Path) -> Iterator[Problem]:
    for folder in _FILES_OF:
        for path in sorted(path for path in (root / folder).rglob("*") if path.suffix in _SUFFIXES):
            name = path.relative_to(root).as_posix()
            text = path.read_text("utf-8")
            lines = len(text.splitlines())
            if lines > MAX_FILE_LINES:
                yield Problem(name, f"{lines} lines, at most {MAX_FILE_LINES}")
            if path.suffix == ".py" and name.startswith(f"{_FUNCTIONS_OF}/"):
                yield from _over_limit_within(ast.parse(text), name, f"{name}:")


def _over_limit_within(tree: ast.AST, path: str, prefix: str) -> Iterator[Problem]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _over_limit_within(node, path, prefix)
            continue
        name = f"{prefix}{node.name}"
        if not isinstance(node, ast.ClassDef):
            yield from _over_limit_of(node, path, name)
        yield from _over_limit_within(node, path, f"{name}.")


def _over_limit_of(function: ast.FunctionDef | ast.AsyncFunctionDef, path: str, name: str) -> Iterator[Problem]:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield Problem(name, f"{lines} lines, at most {MAX_FUNCTION_LINES}")
    if function.name == "__init__" and path.startswith(f"{_CONSTRUCTORS_OF}/"):
        count = _arguments(function.args) - 1  # self
        if count > MAX_CONSTRUCTOR_ARGUMENTS:
            yield Problem(name, f"{count} arguments, at most {MAX_CONSTRUCTOR_ARGUMENTS}")


def _arguments(arguments: ast.arguments) -> int:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len(named) + sum(1 for each in (arguments.vararg, arguments.kwarg) if each is not None)


def main() -> int:
    found = problems(Path(__file__).parent.parent, EXCEPTIONS)
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
