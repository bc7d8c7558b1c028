"""The page about operations as a test reads it: sections, and the commands of their marked blocks."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
_PLACEHOLDER = re.compile(r"\b(BATCH|CONTACT|CAMPAIGN|ORGANIZATION)_ID\b")
_SECTION = re.compile(r"^###? (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """One line of a marked block."""

    section: str
    mark: str
    """`run`, `breaks`, `refused` or `tctl`."""
    line: str

    def filled(self, ids: Mapping[str, str]) -> str:
        """Return the line with real ids in place of the placeholders."""
        return _PLACEHOLDER.sub(lambda found: ids[found[0]], self.line)


def read_page() -> list[Typed]:
    """Return every command of the page in order."""
    return list(_commands(PAGE.read_text(encoding="utf-8")))


def _commands(text: str) -> Iterator[Typed]:
    _, *parts = _SECTION.split(text)
    for section, body in zip(parts[::2], parts[1::2], strict=True):
        for mark, block in _BLOCK.findall(body):
            yield from (Typed(section, mark, line) for line in block.splitlines() if line.strip())
