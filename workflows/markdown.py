"""Tables as the Web UI's pages show them."""

from collections.abc import Iterable, Sequence

NO_BREAK = "\N{NO-BREAK SPACE}"
_GAP = f"{NO_BREAK * 3} | "
"""The page sets its cells without a space between them."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a heading."""
    rule = f"|{'---|' * len(head)}"
    first, *others = (f"| {_GAP.join(line)} |" for line in (head, *rows))
    return "\n".join([first, rule, *others])
