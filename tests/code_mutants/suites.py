"""Which tests cover a module: those whose imports, or whose imports' imports, reach it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TESTS = ("tests/unit", "tests/property", "tests/contract/test_audio_converter.py")
_WITH_PROCESSES = "tests/contract/"  # slow: the domain is judged without them, so that it has tests of its own
_DOMAIN = "worker.domain."
_MAX_STEPS = 1  # what lies further away tests something else, but for the readings
_READINGS = "tests/unit/domain/readings/test_readings.py"
_READ_THERE = ("worker.domain.containers.", "worker.domain.tags.")


def covering(module: str) -> list[list[str]]:
    """Test files in stages: those that import the module, then those that reach it over others."""
    stages: list[list[str]] = []
    known: set[str] = set()
    reached = {module}
    for _ in range(_MAX_STEPS):
        reached |= {name for name, imports in _graph().items() if imports & reached and not name.startswith("tests/")}
        files = [name for name, imports in _graph().items() if name.startswith("tests/") and imports & reached]
        stage = [name for name in files if name not in known and _may_judge(name, module)]
        known.update(stage)
        stages.append(stage)
    direct = [name for name in stages[0] if module in _graph()[name]]
    whole_files = [_READINGS] if module.startswith(_READ_THERE) else []
    return [stage for stage in (direct, [n for n in stages[0] if n not in direct], *stages[1:], whole_files) if stage]


@cache
def covering_files(module: str) -> frozenset[str]:
    """Those of all stages."""
    return frozenset(name for stage in covering(module) for name in stage)


def are_imported(module: str, names: Iterable[str]) -> bool:
    """Whether another module, or a test, imports one of the module's names, and so keeps the value that it had."""
    wanted = {f"{module}.{name}" for name in names}
    return any(imports & wanted for imports in _graph().values())


def _may_judge(test: str, module: str) -> bool:
    return not (test.startswith(_WITH_PROCESSES) and module.startswith(_DOMAIN))


@cache
def _graph() -> dict[str, set[str]]:
    """By module, or by path for a test: the modules that it imports."""
    graph = {}
    for folder in ("worker", "tests/support", "tests/fakes"):
        for path in (ROOT / folder).rglob("*.py"):
            graph[module_of(path)] = set(_imports(path))
    for name in _TESTS:
        where = ROOT / name
        for path in where.rglob("test_*.py") if where.is_dir() else [where]:
            graph[str(path.relative_to(ROOT))] = set(_imports_of_test(path))
    return graph


def _imports_of_test(path: Path) -> Iterator[str]:
    """Those of the tests from which it imports, too: it calls what is defined there."""
    for name in _imports(path):
        yield name
        if name.startswith("tests.") and name.rpartition(".")[2].startswith("test_"):
            yield from _imports(path_of(name))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def source_of(module: str) -> str:
    """Read once, so that what is edited meanwhile does not mix with what was drawn."""
    return path_of(module).read_text("utf-8")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
