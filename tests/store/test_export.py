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
from tests.store.scenes import House, Stores

pytestmark = pytest.mark.store

RETRY = Settlement(
    status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON - timedelta(minutes=1), follow_up_at=None
)


@pytest.fixture
def export(house: House) -> ExportStore:
    if isinstance(house, Stores):
        return PostgresExportStore(house.engine)
    assert isinstance(house.contacts, FakeContactStore)
    return FakeExportStore(house.contacts._tables)


async def test_names_of_all_variables_are_known_once_and_of_this_batch_alone(
    house: House, export: ExportStore
) -> None:
    variables: list[dict[str, Any]] = [{"a": 1, "Ä": None}, {}, {"a": {"inner": 2}, "b.c": 3}]
    batch = await house.a_kept_batch(
        [a_new_contact(number, call_variables=each) for number, each in enumerate(variables, start=1)]
    )
    await house.a_kept_batch([a_new_contact(call_variables={"other": 1})])

    assert sorted(await export.variable_names(batch.batch_id)) == ["a", "b.c", "Ä"]


async def test_batch_without_variables_has_no_names(house: House, export: ExportStore) -> None:
    batch = await house.a_kept_batch([a_new_contact(call_variables={})])

    assert list(await export.variable_names(batch.batch_id)) == []


async def test_stretch_is_what_lies_behind_one_position_up_to_another(
    house: House, export: ExportStore
) -> None:
    batch = await house.a_kept_batch(5)
    await house.a_kept_batch(5)
    people = await house.people_of(batch)

    assert [contact for contact, _ in await export.contacts_between(batch.batch_id, 1, 4)] == people[1:4]
    assert await export.contacts_between(batch.batch_id, 5, 9) == []


async def test_contact_comes_with_its_newest_call_or_none(house: House, export: ExportStore) -> None:
    batch = await house.a_kept_batch(3)
    first, second, third = await house.people_of(batch)
    await house.ended(second, CallStatus.BUSY, RETRY)
    newest = await house.claimed(second, 2, AttemptKind.RETRY)
    only = await house.claimed(third)

    stretch = await export.contacts_between(batch.batch_id, 0, 3)

    assert stretch == [
        (await house.contact(first), None),
        (await house.contact(second), await house.call(newest)),
        (await house.contact(third), await house.call(only)),
    ]


async def test_every_call_comes_by_position_and_attempt(house: House, export: ExportStore) -> None:
    batch = await house.a_kept_batch(3)
    first, _, third = await house.people_of(batch)
    of_third = await house.claimed(third)
    busy = await house.ended(first, CallStatus.BUSY, RETRY)
    again = await house.claimed(first, 2, AttemptKind.RETRY)

    stretch = await export.calls_between(batch.batch_id, 0, 3)

    assert [call for _, call in stretch] == [busy, await house.call(again), await house.call(of_third)]
    assert [contact for contact, _ in stretch] == [
        await house.contact(first),
        await house.contact(first),
        await house.contact(third),
    ]
    assert await export.calls_between(batch.batch_id, 1, 2) == []
