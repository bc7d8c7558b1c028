"""Sizes, names and docstrings: what keeps every file readable in one sitting."""

import ast
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.architecture.reading import Function, decorators, methods
from tests.architecture.source import Module, bench, breaches, everything, product, told

MODULE_LINES = 600
LONG_MODULE_LINES = 400
"""A module longer than this deserves a second thought."""
FUNCTION_LINES = 50
PORTS = Path("domain/ports")
MIGRATIONS = Path("store/migrations/versions")
"""Exempt from sizes: a migration is one story, told once and never changed."""

DRAWERS = {
    *("common", "core", "helper", "helpers", "manager", "managers", "misc"),
    *("service", "services", "util", "utils"),
}
"""Names under which anything can be put, and nothing found."""


def long_modules(module: Module, limit: int = MODULE_LINES) -> Iterator[str]:
    """A module nobody reads to its end."""
    lines = len(module.text.splitlines())
    if lines > limit and not module.path.is_relative_to(MIGRATIONS):
        yield f"{module.path} has {lines} lines"


def long_functions(module: Module) -> Iterator[str]:
    """Each function that does not fit on a screen."""
    if module.path.is_relative_to(MIGRATIONS):
        return
    for function in module.functions():
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{module.at(function)} {function.name} has {lines} lines"


def drawers(module: Module) -> Iterator[str]:
    """A module, or its folder, whose name says nothing."""
    names = {*module.path.parent.parts, module.path.stem}
    yield from (f"{module.path}: {name}" for name in sorted(names & DRAWERS))


def undocumented(module: Module) -> Iterator[str]:
    """Each module, and each port, route, workflow and activity, without a docstring."""
    if ast.get_docstring(module.tree) is None:
        yield f"{module.path}:1 module"
    is_port = module.path.is_relative_to(PORTS)
    yield from (
        f"{module.at(node)} {node.name}"
        for node in _public(module.tree.body)
        if (is_port or _is_public_text(node)) and ast.get_docstring(node) is None
    )


def _is_public_text(node: Function | ast.ClassDef) -> bool:
    """Tell whether a docstring is shown to people: in the API's description, in the Web UI."""
    return any(name.startswith(("router.", "workflow.", "activity.")) for name in decorators(node))


def _public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                nested = [each for each in node.body if isinstance(each, ast.ClassDef)]
                yield from _public([*methods(node), *nested])


def test_no_module_is_longer_than_600_lines() -> None:
    found = breaches(long_modules, product() + bench())
    for each in breaches(partial(long_modules, limit=LONG_MODULE_LINES), product() + bench()):
        warnings.warn(f"{each}: is it one subject?", stacklevel=1)

    assert not found, told("Find the second job in it and give that a file of its own:", found)


def test_no_function_is_longer_than_50_lines() -> None:
    found = breaches(long_functions, product() + bench())

    assert not found, told("Name its steps and make them functions:", found)


def test_no_folder_and_no_module_is_named_like_a_drawer() -> None:
    found = breaches(drawers, everything())

    assert not found, told("Name it after what is in it:", found)


def test_modules_ports_routes_workflows_and_activities_say_what_they_are_for() -> None:
    found = breaches(undocumented, product() + bench())

    assert not found, told("Give it one line in the indicative, or make it private:", found)


@pytest.mark.parametrize(
    ("path", "lines", "count"),
    [
        pytest.param("api/planted.py", 600, 0, id="just fits"),
        pytest.param("api/planted.py", 601, 1, id="one line too many"),
        pytest.param("store/migrations/versions/planted.py", 601, 0, id="migration"),
    ],
)
def test_planted_long_module_is_found(path: str, lines: int, count: int) -> None:
    assert len(list(long_modules(Module.of(path, "x = 1\n" * lines)))) == count


@pytest.mark.parametrize(
    ("path", "lines", "count"),
    [
        pytest.param("api/planted.py", 50, 0, id="just fits"),
        pytest.param("api/planted.py", 51, 1, id="one line too many"),
        pytest.param("store/migrations/versions/planted.py", 51, 0, id="migration"),
    ],
)
def test_planted_long_function_is_found(path: str, lines: int, count: int) -> None:
    text = "class A:\n async def long(self):\n" + "  x = 1\n" * (lines - 1)

    assert len(list(long_functions(Module.of(path, text)))) == count


@pytest.mark.parametrize(
    ("path", "count"),
    [
        pytest.param("api/utils.py", 1, id="module"),
        pytest.param("services/core/dial.py", 2, id="folders"),
        pytest.param("api/batch_managers.py", 0, id="says what it manages"),
    ],
)
def test_planted_drawer_is_found(path: str, count: int) -> None:
    assert len(list(drawers(Module.of(path, "")))) == count


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        pytest.param("a.py", "", ["a.py:1 module"], id="module"),
        pytest.param("a.py", "'M.'\ndef f(): ...\nclass A: ...", [], id="a name that says it all"),
        pytest.param("domain/ports/a.py", "'M.'\nclass A: ...", ["domain/ports/a.py:2 A"], id="port"),
        pytest.param(
            "domain/ports/a.py",
            "'M.'\nclass A:\n 'A.'\n async def f(self): ...",
            ["domain/ports/a.py:4 f"],
            id="verb of a port",
        ),
        pytest.param("a.py", "'M.'\n@router.get('/')\nasync def f(): ...", ["a.py:3 f"], id="route"),
        pytest.param("a.py", "'M.'\n@workflow.defn\nclass A: ...", ["a.py:3 A"], id="workflow"),
        pytest.param(
            "a.py", "'M.'\nclass A:\n @activity.defn\n async def f(self): ...", ["a.py:4 f"], id="activity"
        ),
    ],
)
def test_planted_silence_is_found(path: str, text: str, found: list[str]) -> None:
    assert list(undocumented(Module.of(path, text))) == found
