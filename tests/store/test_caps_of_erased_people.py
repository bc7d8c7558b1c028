"""Who is erased and uploaded again is called no more often than caps allow, though no number is kept."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from activities.retention import RetentionParts, purge
from api.webhook_endpoints.bodies import body_of
from domain.call import CallStatus, DialState
from domain.campaign import Campaign
from domain.frequency import Capped, CapsAt, CountedCall, FrequencyCap
from domain.gates import Gate
from domain.identity import OrganizationId
from domain.ports import Claimed
from store.access.idempotency import PostgresIdempotencyStore
from store.audit.log import PostgresAuditLog
from store.database.engine import create_store_engine, single_statement
from store.erasures.retention import PostgresRetentionStore
from store.forecasts.repository import PostgresForecastStore
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_claim, a_new_batch
from tests.store.erasure_scenes import NUMBER, SOON, Scene, the_person
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = MONDAY_NOON + HOUR
ONCE_A_DAY, TWICE_A_DAY = FrequencyCap(1, DAY), FrequencyCap(2, DAY)


@pytest.fixture
def scene(stores: Stores) -> Scene:
    return Scene.on(stores)


async def a_campaign(scene: Scene, *caps: FrequencyCap, **rules: Any) -> Campaign:
    return await scene.stores.a_kept_campaign(a_campaign_rules(frequency_caps=caps, **rules))


async def asked_again(scene: Scene, campaign: Campaign, at: datetime = LATER) -> object:
    """The person is uploaded again, and a call is asked for."""
    person = await scene.waits(campaign)
    return await scene.stores.calls.claim_attempt(a_claim(person.contact_id), at)


async def hashes(scene: Scene) -> int:
    """How many calls still tell by a hash whom they called."""
    async with single_statement(scene.stores.engine) as connection:
        counted = await connection.scalar(text("SELECT count(*) FROM calls WHERE number_hash IS NOT NULL"))
        return int(counted or 0)


async def keep_world(scene: Scene, at: datetime, batches_for: timedelta | None = None) -> None:
    engine = scene.stores.engine
    await purge(
        RetentionParts(
            store=PostgresRetentionStore(engine, body_of),
            audit_log=PostgresAuditLog(engine),
            keys=PostgresIdempotencyStore(engine),
            batches_for=batches_for,
            audit_log_for=None,
            clock=lambda: at,
        )
    )


async def test_calls_of_an_erased_person_still_count(scene: Scene) -> None:
    await scene.was_called(await scene.waits())
    await scene.erase()

    assert await asked_again(scene, await a_campaign(scene, ONCE_A_DAY)) == Capped(MONDAY_NOON + DAY)
    assert await scene.found() != []  # of the upload alone
    await scene.erase()
    assert await scene.found() == []


async def test_calls_before_and_after_the_erasure_count_together(scene: Scene) -> None:
    await scene.was_called(await scene.waits())
    await scene.erase()
    campaign = await a_campaign(scene, TWICE_A_DAY)
    second = await asked_again(scene, campaign)
    assert isinstance(second, Claimed)
    await scene.hears(second.record, CallStatus.BUSY)

    assert await asked_again(scene, campaign, LATER + HOUR) == Capped(MONDAY_NOON + DAY)


async def test_erasing_does_not_pass_regulation_f(scene: Scene) -> None:
    """Seven attempts in seven days, and one talk, however often the person is erased between them."""
    campaign = await a_campaign(scene, presets=("us-reg-f",))
    for attempt in range(7):
        claimed = await asked_again(scene, campaign, MONDAY_NOON + attempt * HOUR)
        assert isinstance(claimed, Claimed)
        await scene.stores.calls.record_dial(claimed.record.execution_id, DialState.ACCEPTED)
        await scene.hears(claimed.record, CallStatus.BUSY)
        await scene.erase()

    eighth = await asked_again(scene, campaign, MONDAY_NOON + 8 * HOUR)

    assert eighth == Capped(MONDAY_NOON + 7 * DAY, ("us-reg-f",))


async def test_talk_of_an_erased_person_counts_as_a_talk(scene: Scene) -> None:
    campaign = await a_campaign(scene, presets=("us-reg-f",))
    await scene.was_called(await scene.waits(campaign))
    await scene.erase()

    assert await asked_again(scene, campaign) == Capped(MONDAY_NOON + 7 * DAY, ("us-reg-f",))


async def test_call_that_goes_on_while_its_person_is_erased_counts_once(scene: Scene) -> None:
    """It keeps its number to its end, beside the hash."""
    record = await scene.talks(await scene.waits())
    await scene.erase()
    campaign = await a_campaign(scene, TWICE_A_DAY)

    assert await asked_again(scene, campaign) is Gate.NUMBER_BUSY

    await scene.hears(record, CallStatus.COMPLETED)
    assert isinstance(await asked_again(scene, campaign), Claimed)


async def test_grants_and_pages_see_the_caps_of_who_was_erased(scene: Scene) -> None:
    campaign = await a_campaign(scene, presets=("us-reg-f",))
    await scene.was_called(await scene.waits(campaign))
    await scene.erase()
    person = await scene.waits(campaign)
    caps = CapsAt(campaign.rules.caps_in_force, LATER)

    granted = (await scene.stores.grant(person.batch_id, LATER)).granted

    assert person.contact_id not in [each.contact_id for each in granted]
    assert await scene.stores.contacts.capped([person.contact_id], caps) == {person.contact_id: ("us-reg-f",)}


async def test_forecast_counts_the_calls_of_who_was_erased(scene: Scene) -> None:
    await scene.was_called(await scene.waits())
    await scene.erase()
    forecasts = PostgresForecastStore(scene.stores.engine)

    facts = await forecasts.facts_of_numbers(ORGANIZATION, [NUMBER], CapsAt((ONCE_A_DAY,), LATER), LATER)

    assert facts.calls == {NUMBER: (CountedCall(MONDAY_NOON, True),)}


async def test_erased_calls_of_another_organization_do_not_count(scene: Scene) -> None:
    await scene.was_called(await scene.waits())
    await scene.erase()
    stores, other = scene.stores, OrganizationId("org_other")
    campaign = await stores.campaigns.create(
        other, a_campaign_rules(frequency_caps=(ONCE_A_DAY,)), MONDAY_NOON
    )
    batch = await stores.batches.create(
        a_new_batch(campaign_id=campaign.campaign_id, organization_id=other), [the_person()], MONDAY_NOON
    )
    (person,) = await stores.people_of(batch)

    assert isinstance(await stores.calls.claim_attempt(a_claim(person.contact_id), LATER), Claimed)


async def test_erased_calls_count_under_a_key(stores: Stores, database_url: str) -> None:
    keyed = create_store_engine(database_url, pool_size=5, number_key="a key of sixteen")
    try:
        scene = Scene.on(Stores.on(keyed))
        await scene.was_called(await scene.waits())
        await scene.erase()
        campaign = await a_campaign(scene, ONCE_A_DAY)
        assert isinstance(await asked_again(scene, campaign), Capped)
        # Without the key nobody knows whose calls these were.
        assert isinstance(await asked_again(Scene.on(stores), campaign), Claimed)
    finally:
        await keyed.dispose()


@pytest.mark.parametrize(
    ("window", "began", "kept"),
    [
        pytest.param(None, 6 * DAY, True, id="within a week, for caps of law"),
        pytest.param(None, 8 * DAY, False, id="a week ago"),
        pytest.param(30 * DAY, 29 * DAY, True, id="within the longest cap of the organization"),
        pytest.param(30 * DAY, 31 * DAY, False, id="before it"),
    ],
)
async def test_hash_is_kept_of_calls_that_a_cap_may_count(
    scene: Scene, window: timedelta | None, began: timedelta, kept: bool
) -> None:
    if window is not None:
        await a_campaign(scene, ONCE_A_DAY, FrequencyCap(5, window), FrequencyCap(1, HOUR))
    await scene.was_called(await scene.waits())
    await scene.run("UPDATE calls SET started_at = :at, ended_at = :at", at=SOON - began)

    await scene.erase()

    assert await hashes(scene) == (1 if kept else 0)


async def test_hash_is_forgotten_once_no_cap_counts_its_call(scene: Scene) -> None:
    await a_campaign(scene, FrequencyCap(5, 30 * DAY))
    await scene.was_called(await scene.waits())
    await scene.erase()

    await keep_world(scene, MONDAY_NOON + 29 * DAY)
    during = await hashes(scene)
    await keep_world(scene, MONDAY_NOON + 31 * DAY)

    assert (during, await hashes(scene)) == (1, 0)


async def test_batch_that_is_emptied_early_counts_as_long_as_a_cap_looks_back(scene: Scene) -> None:
    campaign = await a_campaign(scene, presets=("us-reg-f",))
    person = await scene.waits(campaign)
    await scene.was_called(person)
    await scene.run(
        "UPDATE batches SET status = 'completed', ended_at = :at WHERE batch_id = :id",
        at=MONDAY_NOON,
        id=person.batch_id,
    )

    await keep_world(scene, MONDAY_NOON + 2 * DAY, batches_for=DAY)

    assert await scene.found() == []
    again = await asked_again(scene, campaign, MONDAY_NOON + 2 * DAY)
    assert again == Capped(MONDAY_NOON + 7 * DAY, ("us-reg-f",))
