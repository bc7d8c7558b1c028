"""A list of things: a table for people, tab-separated lines for pipes."""

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_list(names: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    """Print the rows under their names; a pipe gets every cell whole and no names."""
    if not console.is_terminal:
        for row in rows:
            # Not printed by rich, which would turn tabs into spaces.
            console.file.write("\t".join(map(_one_line, row)) + "\n")
        return
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_one_line(cell)) for cell in row))
    console.print(table)


def shown(value: object) -> str:
    """Return a JSON value as a cell: text as it is, null as nothing, objects and arrays as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def cells(row: Mapping[str, object], fields: Iterable[str]) -> list[str]:
    """Return the named fields of a JSON object as cells; one that is missing is empty."""
    return [shown(row.get(field)) for field in fields]


def _one_line(cell: str) -> str:
    """Uploaded text must neither break a line in two nor steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)
