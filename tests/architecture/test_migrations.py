"""Migrations run while the product does: an index on a table that is in use is built beside its work."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.reading import dotted
from tests.architecture.source import Module, breaches, product, told

VERSIONS = Path("store/migrations/versions")
OLD = "2026_11_22_"
"""Those of the first day ran on tables with nothing in them."""
BUILDERS = {"create_index", "create_unique_constraint", "create_exclude_constraint", "create_primary_key"}
_PLAIN_INDEX = re.compile(r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)", re.IGNORECASE)


def blocking_builds(module: Module) -> Iterator[str]:
    """Each index that would lock a table for as long as it is being built."""
    if module.path.parent != VERSIONS or module.path.name.startswith(OLD):
        return
    fresh = {_name_of(call.args) for call in _calls(module, {"op.create_table"})}
    for call in _calls(module, {f"op.{each}" for each in BUILDERS}):
        if _name_of(call.args[1:]) not in fresh:
            yield f"{module.at(call)} {ast.unparse(call.func)}"
    for call in _calls(module, {"op.add_column", "op.alter_column"}):
        if any(each.arg in ("index", "unique") for inner in ast.walk(call) for each in _keywords(inner)):
            yield f"{module.at(call)} {ast.unparse(call.func)}"
    for text in module.nodes(ast.Constant):
        if isinstance(text.value, str) and _PLAIN_INDEX.search(text.value):
            yield f"{module.at(text)} CREATE INDEX"


def _calls(module: Module, names: set[str]) -> Iterator[ast.Call]:
    return (call for call in module.nodes(ast.Call) if dotted(call.func) in names)


def _keywords(node: ast.AST) -> list[ast.keyword]:
    return node.keywords if isinstance(node, ast.Call) else []


def _name_of(arguments: list[ast.expr]) -> object:
    first = arguments[0] if arguments else None
    return first.value if isinstance(first, ast.Constant) else None


def test_no_migration_locks_a_table_while_it_builds_an_index() -> None:
    found = breaches(blocking_builds, product())

    assert not found, told("Build it with store.migrations.concurrently:", found)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param("op.create_index('ix', 'contacts', ['a'])", 1, id="on a table in use"),
        pytest.param("op.create_table('new')\nop.create_index('ix', 'new', ['a'])", 0, id="on a new table"),
        pytest.param("op.create_unique_constraint('uq', 'contacts', ['a'])", 1, id="unique constraint"),
        pytest.param("op.add_column('contacts', sa.Column('a', sa.Text(), unique=True))", 1, id="column"),
        pytest.param("op.add_column('contacts', sa.Column('a', sa.Text()))", 0, id="plain column"),
        pytest.param("op.execute('create unique index ix ON contacts (a)')", 1, id="as text"),
        pytest.param("op.execute('CREATE INDEX CONCURRENTLY ix ON contacts (a)')", 0, id="text, beside"),
        pytest.param("concurrently.create_index('ix', 'contacts', ['a'])", 0, id="beside the work"),
    ],
)
def test_planted_index_is_found(line: str, count: int) -> None:
    planted = Module.of(VERSIONS / "2026_11_29_planted.py", line)

    assert len(list(blocking_builds(planted))) == count
