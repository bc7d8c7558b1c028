"""Making a batch: what is stored, what is started, and nothing at all after an error."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from api.assembly import install
from api.batches import creation as batch_creation
from domain.batch import Batch
from domain.campaign import CampaignStatus
from domain.errors import CampaignClosed, EngineUnavailable, StoreUnavailable
from domain.identity import BatchId, CampaignId
from tests import fakes
from tests.api.world import World, a_batch_body, a_problem, created, errors_of

BATCHES = "/api/v1/batches/"
NO_CALLS = dict.fromkeys(
    (
        "pending",
        "dispatched",
        "in_flight",
        "retrying",
        "completed",
        "failed",
        "busy",
        "no_answer",
        "skipped",
        "followup_scheduled",
        "max_retries_reached",
    ),
    0,
)


def _move_campaign(world: World, campaign_id: str, status: CampaignStatus) -> None:
    kept = world.tables.campaigns[CampaignId(campaign_id)]
    world.tables.campaigns[kept.campaign_id] = replace(kept, status=status)


async def test_batch_of_required_fields_alone_is_stored_started_and_shown(world: World) -> None:
    campaign = await world.create_campaign()

    answer = await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"]))

    batch = created(answer)
    assert batch == {
        "batch_id": "btc_000004",
        "campaign_id": "cmp_000003",
        "organization_id": "org_demo",
        "name": None,
        "status": "in_progress",
        "paused_by": None,
        "total_contacts": 2,
        "concurrency_limit": 10,
        "scheduled_start": None,
        "scheduled_end": None,
        "keep_open": False,
        "max_retries_override": None,
        "retry_policy": None,
        "working_hours_enforced": None,
        "working_hours": None,
        "timezone": None,
        "phone_numbers": None,
        "phone_number_strategy": None,
        "on_machine": None,
        "disposition_rules": None,
        "parent_batch_id": None,
        "call_context": {},
        "metadata": {},
        "counters": {**NO_CALLS, "pending": 2},
        "created_at": "2026-09-04T12:00:00Z",
        "updated_at": "2026-09-04T12:00:00Z",
        "import_report": {"received": 2, "accepted": 2, "invalid": 0, "duplicates": 0},
    }
    batch_id = BatchId(batch["batch_id"])
    assert world.engine.started == {batch_id: (CampaignId("cmp_000003"), 2)}
    assert world.tables.started_at == {batch_id: world.clock()}
    assert world.tables.campaigns[CampaignId("cmp_000003")].status is CampaignStatus.ACTIVE


async def test_every_override_is_kept_and_shown(world: World) -> None:
    campaign = await world.create_campaign(metadata={"concurrency_limit": 7})
    day = {"start": "10:00", "end": "11:00", "enabled": True}
    rest = {"start": "09:00", "end": "18:00", "enabled": False}
    given: dict[str, Any] = {
        "name": "north side",
        "concurrency_limit": 5,
        "max_retries_override": 0,
        "retry_policy": {"max_retries": 1, "cooldown_minutes": 1.5},
        "working_hours_enforced": True,
        "working_hours": {"monday": day},
        "timezone": "America/Denver",
        "phone_numbers": ["+14155550181"],
        "phone_number_strategy": "random",
        "call_context": {"from": "crm"},
        "metadata": {"ticket": 118, "concurrency_limit": "anything"},
    }

    batch = await world.create_batch(campaign["campaign_id"], **given)

    weekend = ("tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    expected = {
        **given,
        "retry_policy": {
            "max_retries": 1,
            "strategy": "fixed",
            "cooldown_minutes": 1.5,
            "max_cooldown_minutes": 1440,
            "retry_on": ["busy", "no_answer", "failed"],
        },
        "working_hours": {"monday": day, **dict.fromkeys(weekend, rest)},
    }
    assert {key: batch[key] for key in given} == expected


async def test_limit_of_a_batch_without_its_own_is_the_campaigns(world: World) -> None:
    campaign = await world.create_campaign(metadata={"concurrency_limit": 7})

    batch = await world.create_batch(campaign["campaign_id"])

    assert batch["concurrency_limit"] == 7


async def test_alias_and_missing_slash_create_a_batch_too(world: World) -> None:
    campaign = await world.create_campaign()
    for path in ("/api/v1/batches/upload", "/api/v1/batches"):
        created(await world.client.post(path, json=a_batch_body(campaign["campaign_id"])))

    assert len(world.engine.started) == 2


async def test_batch_of_a_paused_campaign_starts_paused(world: World) -> None:
    campaign = await world.create_campaign()
    _move_campaign(world, campaign["campaign_id"], CampaignStatus.PAUSED)

    batch = await world.create_batch(campaign["campaign_id"], scheduled_start="2030-01-01T00:00:00Z")

    assert (batch["status"], batch["paused_by"]) == ("paused", "campaign")


@pytest.mark.parametrize(
    ("fields", "loc", "code"),
    [
        pytest.param({"campaign_id": None}, ["campaign_id"], "string_type", id="no campaign"),
        pytest.param({"campain": "x"}, ["campain"], "extra_forbidden", id="unknown key"),
        pytest.param({"contacts": []}, ["contacts"], "too_short", id="no contact"),
        pytest.param({"contacts": None}, ["contacts"], "missing", id="null contacts"),
        pytest.param({"contacts": {}}, ["contacts"], "list_type", id="object of contacts"),
        pytest.param({"concurrency_limit": 0}, ["concurrency_limit"], "greater_than_equal", id="limit 0"),
        pytest.param({"concurrency_limit": 2001}, ["concurrency_limit"], "less_than_equal", id="limit 2001"),
        pytest.param({"concurrency_limit": "10"}, ["concurrency_limit"], "int_type", id="text as integer"),
        pytest.param(
            {"max_retries_override": 21}, ["max_retries_override"], "less_than_equal", id="21 retries"
        ),
        pytest.param(
            {"max_retries_override": True}, ["max_retries_override"], "int_type", id="true as integer"
        ),
        pytest.param({"name": ""}, ["name"], "string_too_short", id="empty name"),
        pytest.param({"on_invalid": "ignore"}, ["on_invalid"], "enum", id="on_invalid"),
        pytest.param({"on_duplicate": 1}, ["on_duplicate"], "enum", id="on_duplicate"),
        pytest.param({"call_context": {"a": "x" * 16_400}}, ["call_context"], "too_large", id="over 16 KB"),
        pytest.param({"phone_numbers": []}, ["phone_numbers"], "too_short", id="no caller ID"),
        pytest.param({"scheduled_start": 5}, ["scheduled_start"], "datetime_type", id="number as time"),
        pytest.param({"scheduled_start": "2026-09-07"}, ["scheduled_start"], "datetime", id="date alone"),
        pytest.param(
            {"scheduled_start": "2026-02-31T08:00:00Z"}, ["scheduled_start"], "datetime", id="31 February"
        ),
        pytest.param(
            {"scheduled_end": "9999-12-31T23:59:59-01:00"}, ["scheduled_end"], "datetime", id="year 10000"
        ),
        pytest.param(
            {"scheduled_end": "2026-09-04T12:00:00Z"}, ["scheduled_end"], "past_end", id="end is now"
        ),
        pytest.param(
            {"scheduled_start": "2026-09-07T08:00:00Z", "scheduled_end": "2026-09-07T09:00:00+01:00"},
            ["scheduled_end"],
            "end_before_start",
            id="end is the start",
        ),
        pytest.param(
            {"working_hours_enforced": True, "working_hours": {}},
            ["working_hours"],
            "no_enabled_day",
            id="enforced with no enabled day",
        ),
    ],
)
async def test_bad_field_is_422_before_the_campaign_is_looked_up(
    world: World, fields: dict[str, object], loc: list[str | int], code: str
) -> None:
    body = {**a_batch_body("cmp_none"), "organization_id": "org_other", **fields}

    answer = await world.client.post(BATCHES, json=body)

    assert errors_of(answer) == [(["body", *loc], code)]
    assert world.is_empty()


async def test_missing_contacts_are_named_together_with_the_rest(world: World) -> None:
    answer = await world.client.post(BATCHES, json={})

    assert errors_of(answer) == [
        (["body", "campaign_id"], "missing"),
        (["body", "contacts"], "missing"),
    ]


@pytest.mark.parametrize(
    ("campaign_id", "fields", "expected"),
    [
        pytest.param(
            "cmp_none",
            {"organization_id": "org_other"},
            a_problem(403, "forbidden", "Forbidden", "Token does not belong to this organization"),
            id="403 before 404",
        ),
        pytest.param(
            "cmp_none", {}, a_problem(404, "not-found", "Not Found", "Campaign not found"), id="unknown"
        ),
        pytest.param("", {}, a_problem(404, "not-found", "Not Found", "Campaign not found"), id="no id"),
    ],
)
async def test_foreign_organization_or_unknown_campaign_stores_nothing(
    world: World, campaign_id: str, fields: dict[str, object], expected: dict[str, object]
) -> None:
    answer = await world.client.post(BATCHES, json={**a_batch_body(campaign_id), **fields})

    assert (answer.status_code, answer.json()) == (expected["status"], expected)
    assert world.is_empty()


async def test_cancelled_campaign_takes_no_batch_whatever_else_is_wrong_with_it(world: World) -> None:
    campaign = await world.create_campaign(working_hours={}, working_hours_enforced=False)
    _move_campaign(world, campaign["campaign_id"], CampaignStatus.CANCELLED)
    body = a_batch_body(campaign["campaign_id"], working_hours_enforced=True)

    answer = await world.client.post(BATCHES, json=body)

    expected = a_problem(409, "conflict", "Conflict", "Campaign is cancelled and cannot accept new batches")
    assert (answer.status_code, answer.json()) == (409, expected)
    assert world.is_empty()


@pytest.mark.parametrize(
    ("campaign_fields", "fields"),
    [
        pytest.param({"working_hours": {}}, {"working_hours_enforced": True}, id="enforced by the batch"),
        pytest.param({"working_hours_enforced": True}, {"working_hours": {}}, id="emptied by the batch"),
    ],
)
async def test_hours_in_force_without_an_enabled_day_are_422(
    world: World, campaign_fields: dict[str, object], fields: dict[str, object]
) -> None:
    campaign = await world.create_campaign(**campaign_fields)

    answer = await world.client.post(BATCHES, json={**a_batch_body(campaign["campaign_id"]), **fields})

    assert errors_of(answer) == [(["body", "working_hours"], "no_enabled_day")]
    assert world.is_empty()


async def test_temporal_down_is_503_and_leaves_nothing_behind(world: World) -> None:
    campaign = await world.create_campaign()
    world.engine.is_down = True

    answer = await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"]))

    expected = a_problem(503, "unavailable", "Service Unavailable", "Temporal is unreachable")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, expected, "5")
    assert world.is_empty()
    assert world.tables.campaigns[CampaignId(campaign["campaign_id"])].status is CampaignStatus.DRAFT


KEY = {"Idempotency-Key": "k"}


class _DeafEngine(fakes.FakeEngine):
    """Takes a start, and its answer is lost in the way that a test chooses."""

    def __init__(self, failure: BaseException | None) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self._failure = failure

    async def start_batch(self, batch: Batch) -> None:
        await super().start_batch(batch)
        self.entered.set()
        if self._failure is None:
            await asyncio.Event().wait()
        else:
            raise self._failure


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(EngineUnavailable(), id="its answer is lost"),
        pytest.param(ValueError(), id="nobody foresaw it"),
        pytest.param(None, id="it hangs"),
    ],
)
async def test_stored_batch_is_created_whatever_becomes_of_its_start(
    world: World, failure: BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_creation, "START_SECONDS", 0.05)
    campaign = await world.create_campaign()
    body = a_batch_body(campaign["campaign_id"])
    install(world.app, replace(world.parts, engine=_DeafEngine(failure)))

    first = created(await world.client.post(BATCHES, json=body, headers=KEY))
    again = await world.client.post(BATCHES, json=body, headers=KEY)

    assert (created(again), again.headers["idempotency-replayed"]) == (first, "true")
    assert list(world.tables.batches) == [first["batch_id"]]
    assert await world.parts.batches.unstarted(None, 10) == [first["batch_id"]]


async def test_request_cut_after_the_commit_is_answered_with_its_batch_when_it_is_repeated(
    world: World,
) -> None:
    campaign = await world.create_campaign()
    body = a_batch_body(campaign["campaign_id"])
    engine = _DeafEngine(None)
    install(world.app, replace(world.parts, engine=engine))
    request = asyncio.create_task(world.client.post(BATCHES, json=body, headers=KEY))
    await engine.entered.wait()
    [batch_id] = world.tables.batches

    request.cancel()
    await asyncio.wait([request])
    install(world.app, world.parts)
    repeated = await world.client.post(BATCHES, json=body, headers=KEY)

    assert (created(repeated)["batch_id"], repeated.headers["idempotency-replayed"]) == (batch_id, "true")
    assert created(repeated)["import_report"]["accepted"] == 2
    assert list(world.tables.batches) == [batch_id]


class _ForgetfulStore(fakes.FakeBatchStore):
    """Loses its database right after the start of a batch."""

    async def mark_started(self, batch_id: BatchId, now: object) -> None:
        raise StoreUnavailable


async def test_batch_whose_start_could_not_be_noted_is_created_all_the_same(world: World) -> None:
    campaign = await world.create_campaign()
    install(world.app, replace(world.parts, batches=_ForgetfulStore(world.tables)))

    batch = await world.create_batch(campaign["campaign_id"])

    assert list(world.engine.started) == [batch["batch_id"]]


class _ClosingStore(fakes.FakeBatchStore):
    """Sees the campaign cancelled between the look-up and the create."""

    async def create(self, *_: object) -> Any:
        raise CampaignClosed


async def test_campaign_cancelled_in_the_same_moment_is_409(world: World) -> None:
    campaign = await world.create_campaign()
    install(world.app, replace(world.parts, batches=_ClosingStore(world.tables)))

    answer = await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"]))

    assert answer.status_code == 409
    assert world.is_empty()
