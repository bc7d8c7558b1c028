"""The product's own text, read once and parsed at most once; no rule of this folder runs what it reads."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar, cast

from tests.architecture.reading import Function

ROOT = Path(__file__).parents[2]
TESTS, BENCH = "tests", "bench"

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Module:
    """One Python file; `path` is relative to the root. Its text is parsed when that is first asked for."""

    path: Path
    text: str

    @classmethod
    def of(cls, path: str | Path, text: str) -> "Module":
        """Return the module of a text."""
        return cls(Path(path), text)

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text)

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        """Yield every node of a kind, wherever it is nested."""
        for found, nodes in self._by_kind.items():
            if issubclass(found, kind):
                yield from cast(list[Node], nodes)

    @cached_property
    def _by_kind(self) -> Mapping[type[ast.AST], list[ast.AST]]:
        by_kind: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        for node in ast.walk(self.tree):
            by_kind[type(node)].append(node)
        return by_kind

    def functions(self) -> Iterator[Function]:
        """Yield every function and method, wherever it is nested."""
        yield from self.nodes(ast.FunctionDef)
        yield from self.nodes(ast.AsyncFunctionDef)

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Say where a node stands."""
        return f"{self.path}:{node.lineno}"


Rule = Callable[[Module], Iterator[str]]
"""Yields each place where a module breaks the rule, and how."""


def product() -> tuple[Module, ...]:
    """Return every module that is shipped."""
    return tuple(each for each in everything() if each.path.parts[0] not in (TESTS, BENCH))


def bench() -> tuple[Module, ...]:
    """Return the measurements, whose yardsticks are workflows of their own."""
    return tuple(each for each in everything() if each.path.parts[0] == BENCH)


@cache
def everything() -> tuple[Module, ...]:
    """Return every module of the repository."""
    return tuple(Module.of(path, text) for path, text in tracked_texts() if path.suffix == ".py")


@cache
def tracked_texts() -> tuple[tuple[Path, str], ...]:
    """Return every text file that belongs to the repository, its path relative to the root."""
    ignored = tuple(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line)
    return tuple(_texts(ROOT, (".git", *ignored)))


def breaches(rule: Rule, modules: tuple[Module, ...]) -> list[str]:
    """Return every place where some module breaks the rule."""
    return [breach for module in modules for breach in rule(module)]


def told(advice: str, found: list[str]) -> str:
    """Put what to do above the places where to do it."""
    return "\n  ".join([advice, *found])


def _texts(folder: Path, ignored: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for entry in sorted(folder.iterdir()):
        path = entry.relative_to(ROOT)
        if any(fnmatch(name, pattern) for pattern in ignored for name in (entry.name, path.as_posix())):
            continue
        if entry.is_dir():
            yield from _texts(entry, ignored)
        elif (text := _text_of(entry)) is not None:
            yield path, text


def _text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
