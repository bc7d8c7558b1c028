"""Stretches of a batch hold its people in order, each with the right calls."""

from datetime import timedelta
from typing import Any

import pytest

from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from domain.ports import ExportStore
from domain.settlement import Settlement
from store.batches.export import PostgresExportStore
from tests.builders import MONDAY_NOON, a_new_contact
from tests.fakes import FakeContactStore, FakeExportStore
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

RETRY = Settlement(
    status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON - timedelta(minutes=1), follow_up_at=None
)


@pytest.fixture
def export(world: World) -> ExportStore:
    if isinstance(world, Stores):
        return PostgresExportStore(world.engine)
    assert isinstance(world.contacts, FakeContactStore)
    return FakeExportStore(world.contacts._tables)


async def test_names_of_all_variables_are_known_once_and_of_this_batch_alone(
    world: World, export: ExportStore
) -> None:
    variables: list[dict[str, Any]] = [{"a": 1, "Ä": None}, {}, {"a": {"inner": 2}, "b.c": 3}]
    batch = await world.a_kept_batch(
        [a_new_contact(number, call_variables=each) for number, each in enumerate(variables, start=1)]
    )
    await world.a_kept_batch([a_new_contact(call_variables={"other": 1})])

    assert sorted(await export.variable_names(batch.batch_id)) == ["a", "b.c", "Ä"]


async def test_batch_without_variables_has_no_names(world: World, export: ExportStore) -> None:
    batch = await world.a_kept_batch([a_new_contact(call_variables={})])

    assert list(await export.variable_names(batch.batch_id)) == []


async def test_stretch_is_what_lies_behind_one_position_up_to_another(
    world: World, export: ExportStore
) -> None:
    batch = await world.a_kept_batch(5)
    await world.a_kept_batch(5)
    people = await world.people_of(batch)

    assert [contact for contact, _ in await export.contacts_between(batch.batch_id, 1, 4)] == people[1:4]
    assert await export.contacts_between(batch.batch_id, 5, 9) == []


async def test_contact_comes_with_its_newest_call_or_none(world: World, export: ExportStore) -> None:
    batch = await world.a_kept_batch(3)
    first, second, third = await world.people_of(batch)
    await world.ended(second, CallStatus.BUSY, RETRY)
    newest = await world.claimed(second, 2, AttemptKind.RETRY)
    only = await world.claimed(third)

    stretch = await export.contacts_between(batch.batch_id, 0, 3)

    assert stretch == [
        (await world.contact(first), None),
        (await world.contact(second), await world.call(newest)),
        (await world.contact(third), await world.call(only)),
    ]


async def test_every_call_comes_by_position_and_attempt(world: World, export: ExportStore) -> None:
    batch = await world.a_kept_batch(3)
    first, _, third = await world.people_of(batch)
    of_third = await world.claimed(third)
    busy = await world.ended(first, CallStatus.BUSY, RETRY)
    again = await world.claimed(first, 2, AttemptKind.RETRY)

    stretch = await export.calls_between(batch.batch_id, 0, 3)

    assert [call for _, call in stretch] == [busy, await world.call(again), await world.call(of_third)]
    assert [contact for contact, _ in stretch] == [
        await world.contact(first),
        await world.contact(first),
        await world.contact(third),
    ]
    assert await export.calls_between(batch.batch_id, 1, 2) == []
