"""The layers of ARCHITECTURE.md, held by the imports as they are written."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "watchtower").rglob("*.py"))

# The first line that matches a file says its level.
LEVELS = (
    ("watchtower/__init__.py", 0),
    ("watchtower/record.py", 0),
    ("watchtower/errors.py", 0),
    ("watchtower/clock.py", 0),
    ("watchtower/units.py", 0),
    ("watchtower/address.py", 0),
    ("watchtower/table.py", 0),
    ("watchtower/*/settings.py", 1),
    ("watchtower/http1/*.py", 1),
    ("watchtower/journal/format.py", 1),
    ("watchtower/journal/redact.py", 1),
    ("watchtower/journal/capture.py", 1),
    ("watchtower/journal/stored.py", 1),
    ("watchtower/journal/*.py", 2),
    ("watchtower/payload/*.py", 1),
    ("watchtower/compare/*.py", 1),
    ("watchtower/drift/*.py", 1),
    ("watchtower/performance/*.py", 1),
    ("watchtower/store/*.py", 2),
    ("watchtower/reports/*.py", 2),
    ("watchtower/baselines.py", 2),
    ("watchtower/metrics/*.py", 2),
    ("watchtower/upstream/*.py", 2),
    ("watchtower/deadlines.py", 2),
    ("watchtower/tasks.py", 2),
    ("watchtower/proxy/*.py", 3),
    ("watchtower/mirror/*.py", 3),
    ("watchtower/analyst/*.py", 3),
    ("watchtower/control/*.py", 4),
    ("watchtower/config/*.py", 4),
    ("watchtower/app.py", 4),
    ("watchtower/gauges.py", 4),
    ("watchtower/journal_cells.py", 4),
    ("watchtower/worker_plan.py", 4),
    ("watchtower/analyst_plan.py", 4),
    ("watchtower/analyst_assembly.py", 4),
    ("watchtower/analyst_cells.py", 4),
    ("watchtower/report_keeper.py", 4),
    ("watchtower/demo.py", 4),
    ("watchtower/demo_traffic.py", 4),
    ("watchtower/__main__.py", 5),
    ("watchtower/cli.py", 5),
    ("watchtower/commands/*.py", 5),
    ("watchtower/generate.py", 5),
    ("watchtower/worker.py", 5),
    ("watchtower/analyst_main.py", 5),
)
PLANE = 3
# What waits, runs beside us, tells the time or touches a disk has no place in a decision.
OUTER_WORLD = {"asyncio", "io", "mmap", "os", "pathlib", "shutil", "socket", "ssl", "subprocess", "threading", "time"}
# Modules of optional extras that are imported where they are used: (file, module).
LATE_IMPORTS = {("watchtower/baselines.py", "fsspec")}


def level(path: str) -> int | None:
    return next((level for pattern, level in LEVELS if _matches(path, pattern)), None)


def _matches(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Names of modules; of `from a import b` both `a` and `a.b`, for b may be either."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: str) -> set[str]:
    """The files of ours that a file imports."""
    candidates = {name.replace(".", "/") for name in imported(parsed(path))}
    files = {f"{name}.py" for name in candidates} | {f"{name}/__init__.py" for name in candidates}
    return (files & set(MODULES)) - {path}


def test_every_file_has_a_level() -> None:
    assert [path for path in MODULES if level(path) is None] == []


def test_every_line_of_the_table_has_a_file() -> None:
    assert [pattern for pattern, _ in LEVELS if not any(_matches(path, pattern) for path in MODULES)] == []


@pytest.mark.parametrize("path", MODULES)
def test_a_file_imports_nothing_above_itself(path: str) -> None:
    own = level(path) or 0

    assert [other for other in sorted(own_imports(path)) if (level(other) or 0) > own] == []


@pytest.mark.parametrize("path", [path for path in MODULES if level(path) == PLANE])
def test_a_plane_imports_no_other_plane(path: str) -> None:
    folder = path.rpartition("/")[0]

    assert [other for other in own_imports(path) if level(other) == PLANE and not other.startswith(f"{folder}/")] == []


def test_no_imports_go_round_in_a_circle() -> None:
    try:
        TopologicalSorter({path: own_imports(path) for path in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("path", MODULES)
def test_nothing_is_imported_inside_a_function(path: str) -> None:
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {(path, name) for function in functions for name in imported(function)}

    assert set() == late - LATE_IMPORTS


@pytest.mark.parametrize("path", [path for path in MODULES if level(path) in {0, 1}])
def test_a_decision_knows_nothing_of_the_outer_world(path: str) -> None:
    tree = parsed(path)
    modules = {name.partition(".")[0] for name in imported(tree)}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}

    assert set() == modules & OUTER_WORLD
    assert "open" not in calls


@pytest.mark.parametrize("path", MODULES)
def test_a_file_is_named_after_what_it_holds(path: str) -> None:
    assert not Path(path).stem.endswith(("utils", "helpers", "common", "misc"))
