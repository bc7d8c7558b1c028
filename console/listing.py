"""A list of things: a table for people, tab-separated lines for pipes."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_list(names: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    """Print the rows under their names; a pipe gets every cell whole and no names."""
    if not console.is_terminal:
        for row in rows:
            # Not printed by rich, which would turn tabs into spaces.
            console.file.write("\t".join(row) + "\n")
        return
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
