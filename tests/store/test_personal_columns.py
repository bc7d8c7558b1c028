"""No column that can hold a person's data is forgotten by an erasure, a new one included."""

from itertools import chain

import pytest
from sqlalchemy import ARRAY
from sqlalchemy.dialects.postgresql import JSONB

from tests.store.erasure_scenes import Scene
from tests.store.personal_columns import ERASED, FREE, columns_with_text, listed
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

SENTINEL = "a secret about the person"
_NOT_BY_STATEMENT = {"suppressions.phone_number", "webhook_deliveries.attempts"}
"""Whose values are those of the scene: a number that is looked for, and attempts of a shape of their own."""


def test_every_column_with_text_is_erased_or_free_of_personal_data() -> None:
    free = [listed(each) for each in FREE.values()]
    told = [*listed(ERASED), *chain.from_iterable(free)]
    there = {f"{each.table.name}.{each.name}" for each in columns_with_text()}

    unlisted = there - set(told)
    assert not unlisted, f"Erase these, or say in tests/store/personal_columns.py why not: {sorted(unlisted)}"
    assert set(told) - there <= {"alembic_version.version_num"}
    assert len(told) == len(set(told))


async def test_every_column_that_is_listed_as_erased_is_emptied(stores: Stores) -> None:
    scene = Scene.on(stores)
    await scene.webhooks.an_endpoint()
    await scene.was_called(await scene.waits())
    await scene.lists()
    await scene.publish()
    await scene.settle(await scene.claim())
    await _fill_every_column(scene)
    number = listed(ERASED) - _NOT_BY_STATEMENT - {"contacts.phone_number"}
    assert (await scene.dump()).count(SENTINEL) >= len(number)

    await scene.erase()

    assert SENTINEL not in await scene.dump()
    assert await scene.found() == []


async def _fill_every_column(scene: Scene) -> None:
    """Write the sentinel into every column that is listed as erased, of the person's rows."""
    mine = {
        "contacts": "position = 1",
        "call_events": "true",
        "calls": "true",
        "suppressions": "true",
        "webhook_events": "contact_id IS NOT NULL",
    }
    for column in columns_with_text():
        name = f"{column.table.name}.{column.name}"
        if name not in listed(ERASED) - _NOT_BY_STATEMENT or name == "contacts.phone_number":
            continue
        value = "CAST(:it AS text)"
        if isinstance(column.type, ARRAY):
            value = f"ARRAY[{value}]"
        elif isinstance(column.type, JSONB):
            value = f"jsonb_build_object('it', {value})"
        await scene.run(
            f"UPDATE {column.table.name} SET {column.name} = {value} WHERE {mine[column.table.name]}",  # noqa: S608
            it=SENTINEL,
        )
