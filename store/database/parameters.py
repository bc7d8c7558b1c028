"""Values handed to statements in a shape that keeps the statement's text the same."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, CollectionAggregate, Text, any_, literal


def among(ids: Sequence[str]) -> CollectionAggregate[bool]:
    """Return the right side of `column == among(ids)`; one statement text for any number of ids."""
    return any_(literal(list(ids), ARRAY(Text)))
