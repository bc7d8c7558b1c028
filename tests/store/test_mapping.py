"""What goes through Postgres comes back equal."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus, DialState, Outcome
from domain.caller_id import CallerIdStrategy
from domain.campaign import CampaignRules
from domain.contact import NewContact
from domain.redial import RedialPolicy, RedialStrategy
from domain.working_hours import DailyWindow, DayHours, WorkingHours
from store.database.engine import single_statement
from store.database.text import storable_json, storable_text
from store.schema.mapping import call_of, call_values
from store.schema.tables import calls
from tests.builders import ORGANIZATION, a_new_batch, a_new_contact
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

many_examples = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
instants = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
# Postgres keeps JSON numbers as decimals: a float with an exponent comes back as the same number, an integer.
numbers = st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9).map(lambda number: round(number, 6))
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
days = st.builds(
    DayHours,
    enabled=st.booleans(),
    windows=st.lists(st.builds(DailyWindow, minutes, minutes), min_size=1, max_size=3).map(tuple),
)
hours = st.builds(WorkingHours, st.tuples(*[days] * 7))
cooldowns = st.timedeltas(timedelta(microseconds=1), timedelta(days=7))
policies = st.builds(
    RedialPolicy,
    max_retries=st.integers(0, 20),
    strategy=st.sampled_from(RedialStrategy),
    cooldown=cooldowns,
    max_cooldown=cooldowns,
    retry_on=st.frozensets(st.sampled_from([Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED])),
)
caller_ids = st.lists(texts, min_size=1, max_size=3).map(tuple)
strategies = st.sampled_from(CallerIdStrategy)
rules = st.builds(
    CampaignRules,
    name=texts,
    agent_id=texts,
    phone_numbers=caller_ids,
    phone_number_strategy=strategies,
    working_hours_enforced=st.booleans(),
    timezone=texts,
    fallback_timezone=st.none() | texts,
    working_hours=hours,
    blackout_dates=st.lists(st.dates(date(1970, 1, 1)), max_size=3).map(tuple),
    holidays=st.none() | texts,
    retry_policy=policies,
    max_follow_ups=st.integers(0, 10),
    sticky_caller_id=st.booleans(),
    calls_per_second=st.none() | st.floats(0.1, 100),
    default_call_variables=json_objects,
    metadata=json_objects,
)
overrides = st.builds(
    BatchOverrides,
    max_retries_override=st.none() | st.integers(0, 20),
    retry_policy=st.none() | policies,
    working_hours_enforced=st.none() | st.booleans(),
    working_hours=st.none() | hours,
    timezone=st.none() | texts,
    phone_numbers=st.none() | caller_ids,
    phone_number_strategy=st.none() | strategies,
)
new_contacts = st.builds(
    NewContact,
    phone_number=texts,
    external_id=st.none() | texts,
    timezone=st.none() | texts,
    number_timezones=st.lists(texts, max_size=3).map(tuple),
    call_variables=json_objects,
    skip_detail=st.none() | texts,
)


@given(given_rules=rules, now=instants)
@many_examples
async def test_campaign_comes_back_as_it_was_kept(
    stores: Stores, given_rules: CampaignRules, now: datetime
) -> None:
    created = await stores.campaigns.create(ORGANIZATION, given_rules, now)
    assert (created.rules, created.created_at) == (given_rules, now)
    assert await stores.campaigns.get(ORGANIZATION, created.campaign_id) == created


@given(
    given_overrides=overrides,
    fields=st.fixed_dictionaries({"name": st.none() | texts, "metadata": json_objects}),
)
@many_examples
async def test_batch_comes_back_as_it_was_kept(
    stores: Stores, given_overrides: BatchOverrides, fields: dict[str, Any]
) -> None:
    campaign = await stores.a_kept_campaign()
    new = a_new_batch(campaign_id=campaign.campaign_id, overrides=given_overrides, **fields)
    created = await stores.batches.create(new, [a_new_contact()], campaign.created_at)
    loaded, _ = await stores.batches.load(created.batch_id)
    assert loaded == created
    assert (loaded.overrides, loaded.name, loaded.metadata) == (new.overrides, new.name, new.metadata)


@given(people=st.lists(new_contacts, min_size=1, max_size=4))
@many_examples
async def test_contacts_come_back_as_they_were_uploaded(stores: Stores, people: list[NewContact]) -> None:
    batch = await stores.a_kept_batch(people)
    kept = [
        NewContact(
            phone_number=person.phone_number,
            external_id=person.external_id,
            timezone=person.timezone,
            number_timezones=person.number_timezones,
            call_variables=person.call_variables,
            skip_detail=person.skip_detail,
        )
        for person in await stores.people_of(batch)
    ]
    assert kept == people


reported = st.fixed_dictionaries(
    {
        "attempt": st.integers(1, 1000),
        "kind": st.sampled_from(AttemptKind),
        "call_status": st.sampled_from(CallStatus),
        "dial_state": st.sampled_from(DialState),
        "to_number": texts,
    },
    optional={
        "provider": texts,
        "provider_call_id": texts,
        "from_number": texts,
        "started_at": instants,
        "answered_at": instants,
        "ended_at": instants,
        "follow_up_at": instants,
        "duration_seconds": st.integers(0, 2**40),
        "transcript": texts,
        "sip_status": st.integers(100, 699),
        "total_cost": st.floats(allow_nan=False, allow_infinity=False),
        "error": texts,
    },
)


@given(fields=reported)
@many_examples
async def test_call_record_comes_back_as_it_was_kept(stores: Stores, fields: dict[str, Any]) -> None:
    # The examples share a database, and with it the numbers that are on the phone.
    await stores.force("calls", call_status=CallStatus.COMPLETED)
    claimed = await stores.claimed(await stores.a_person())
    record = replace(claimed, **fields)
    keep = update(calls).where(calls.c.execution_id == record.execution_id).values(**call_values(record))
    async with single_statement(stores.engine) as connection:
        kept = await connection.execute(keep.returning(calls))
    assert call_of(kept.mappings().one()) == record
    assert await stores.call(record) == record


@given(texts)
def test_text_that_postgres_can_keep_stays_as_it_is(text: str) -> None:
    assert storable_text(text) == text


@pytest.mark.parametrize(
    ("text", "storable"),
    [
        pytest.param("hel\x00lo", "hello", id="zero byte"),
        pytest.param("half \ud83d of a pair", "half ? of a pair", id="half a pair"),
    ],
)
def test_text_that_postgres_cannot_keep_loses_only_that(text: str, storable: str) -> None:
    assert storable_text(text) == storable


def test_json_is_made_storable_at_every_depth() -> None:
    assert storable_json({"a\x00": [1, True, None, ("\x00b", float("inf"))]}) == {
        "a": [1, True, None, ["b", None]]
    }
