"""Tests stand on fakes that implement ports, which a changed port breaks loudly."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.reading import imported
from tests.architecture.source import Module, breaches, everything, told

MOCKS = ("unittest.mock", "mock", "pytest_mock")


def mocks(module: Module) -> Iterator[str]:
    """Each import of something that answers to any name."""
    if "mock" not in module.text:
        return
    for statement in module.nodes(ast.stmt):
        for name in imported(statement):
            if any(f"{name}.".startswith(f"{mock}.") for mock in MOCKS):
                yield f"{module.at(statement)} {name}"


def test_nothing_is_imported_from_a_mocking_library() -> None:
    found = breaches(mocks, everything())

    assert not found, told("Write a fake that implements the port, in tests/fakes:", found)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param("import unittest.mock", 1, id="module"),
        pytest.param("from unittest import mock", 1, id="from its package"),
        pytest.param("from unittest.mock import Mock, patch", 2, id="names"),
        pytest.param("from mock import Mock", 1, id="backport"),
        pytest.param("import unittest", 0, id="the rest of its package"),
    ],
)
def test_planted_mock_is_found(line: str, count: int) -> None:
    assert len(list(mocks(Module.of("tests/planted.py", line)))) == count
