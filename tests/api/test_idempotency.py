"""A request with a key is done once."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from api.assembly import install
from domain.errors import StoreUnavailable
from domain.ports import IdempotencyKey, KeyUse, Unused
from tests import fakes
from tests.api.world import (
    ORGANIZATION,
    OTHER_SECRET,
    World,
    a_batch_body,
    a_campaign_body,
    a_problem,
    bearer,
    created,
    errors_of,
)

KEY = {"Idempotency-Key": "order 66/~"}
CAMPAIGNS = "/api/v1/campaigns/"


async def _post(world: World, **fields: object) -> httpx.Response:
    return await world.client.post(CAMPAIGNS, json=a_campaign_body(**fields), headers=KEY)


async def test_same_body_again_is_answered_with_the_first_body_and_creates_nothing(world: World) -> None:
    first = await _post(world)
    world.clock.pass_time(timedelta(hours=23))
    second = await _post(world)

    assert "idempotency-replayed" not in first.headers
    assert (second.status_code, second.headers["idempotency-replayed"]) == (201, "true")
    assert second.content == first.content
    assert len(world.tables.campaigns) == 1


async def test_bodies_are_compared_after_parsing_and_aliases_share_their_keys(world: World) -> None:
    first = await _post(world)
    raw = b'{ "phone_numbers":["\\u002b14155550180"],"agent_id":"agent_care",\n "name":"September" }'
    second = await world.client.post(
        "/api/v1/campaigns/create", content=raw, headers={**KEY, "Content-Type": "application/json"}
    )

    assert second.content == first.content


async def test_other_body_with_the_same_key_is_422(world: World) -> None:
    await _post(world)
    answer = await _post(world, name="October")

    assert errors_of(answer) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]
    assert len(world.tables.campaigns) == 1


async def test_key_is_scoped_to_the_organization_and_the_kind(world: World) -> None:
    campaign = created(await _post(world))
    other = await world.client.post(
        CAMPAIGNS, json=a_campaign_body(name="other"), headers={**KEY, **bearer(OTHER_SECRET)}
    )
    batch = await world.client.post(
        "/api/v1/batches/", json=a_batch_body(campaign["campaign_id"]), headers=KEY
    )

    assert (other.status_code, batch.status_code) == (201, 201)


@pytest.mark.parametrize("fields", [{}, {"name": "October"}, {"organization_id": "org_other"}])
async def test_request_while_the_first_is_running_is_409_whatever_its_body(
    world: World, fields: dict[str, object]
) -> None:
    key = IdempotencyKey(organization_id=ORGANIZATION, kind="campaign", key=KEY["Idempotency-Key"])
    world.tables.keys_in_work.add(key)

    answer = await _post(world, **fields)

    detail = "A request with this Idempotency-Key is still in progress"
    assert answer.json() == a_problem(409, "conflict", "Conflict", detail)
    assert not world.tables.campaigns


class _LateKeys(fakes.FakeIdempotencyStore):
    """Knows of nothing at the first look: the other request is just ahead."""

    def __init__(self, tables: fakes.Tables) -> None:
        super().__init__(tables)
        self.looks = 0

    async def look_up(self, key: IdempotencyKey, fingerprint: str) -> KeyUse:
        self.looks += 1
        return Unused() if self.looks == 1 else await super().look_up(key, fingerprint)


async def test_request_overtaken_by_its_twin_is_answered_with_what_that_made(world: World) -> None:
    first = await _post(world)
    install(world.app, replace(world.parts, idempotency=_LateKeys(world.tables)))
    second = await _post(world)

    assert (second.content, second.headers["idempotency-replayed"]) == (first.content, "true")
    assert len(world.tables.campaigns) == 1


async def test_request_overtaken_by_one_with_another_body_is_422(world: World) -> None:
    await _post(world)
    install(world.app, replace(world.parts, idempotency=_LateKeys(world.tables)))
    answer = await _post(world, name="October")

    assert errors_of(answer) == [(["header", "Idempotency-Key"], "idempotency_mismatch")]
    assert len(world.tables.campaigns) == 1


async def test_request_overtaken_by_one_that_still_works_is_409(world: World) -> None:
    key = IdempotencyKey(organization_id=ORGANIZATION, kind="campaign", key=KEY["Idempotency-Key"])
    world.tables.keys_in_work.add(key)
    install(world.app, replace(world.parts, idempotency=_LateKeys(world.tables)))

    assert (await _post(world)).status_code == 409
    assert not world.tables.campaigns


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"organization_id": "org_other"}, id="403"),
        pytest.param({"name": ""}, id="422"),
    ],
)
async def test_key_is_free_again_after_an_error(world: World, fields: dict[str, object]) -> None:
    refused = await _post(world, **fields)
    answer = await _post(world)

    assert refused.status_code in (403, 422)
    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)


async def test_key_is_free_again_after_temporal_was_down(world: World) -> None:
    campaign = await world.create_campaign()
    body = a_batch_body(campaign["campaign_id"])
    world.engine.is_down = True
    refused = await world.client.post("/api/v1/batches/", json=body, headers=KEY)
    world.engine.is_down = False
    answer = await world.client.post("/api/v1/batches/", json=body, headers=KEY)

    assert (refused.status_code, answer.status_code) == (503, 201)
    assert len(world.tables.batches) == 1


async def test_batch_is_replayed_also_after_its_end_has_passed(world: World) -> None:
    campaign = await world.create_campaign()
    body = a_batch_body(campaign["campaign_id"], scheduled_end="2026-09-04T13:00:00Z")
    first = await world.client.post("/api/v1/batches/", json=body, headers=KEY)
    world.clock.pass_time(timedelta(hours=2))
    second = await world.client.post("/api/v1/batches/", json=body, headers=KEY)

    assert second.content == first.content
    assert len(world.engine.started) == 1


class _BusyHousekeeping(fakes.FakeIdempotencyStore):
    """Cannot clear away what is old."""

    async def forget_old(self) -> None:
        raise StoreUnavailable


async def test_answer_does_not_depend_on_clearing_away_old_keys(world: World) -> None:
    install(world.app, replace(world.parts, idempotency=_BusyHousekeeping(world.tables)))

    created(await _post(world))

    assert len(world.tables.campaigns) == 1


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"\x7f", "ä".encode(), b"a\tb"])
async def test_key_that_is_not_1_to_255_printable_ascii_characters_is_422(world: World, key: bytes) -> None:
    headers = [(b"Idempotency-Key", key)]

    answer = await world.client.post(CAMPAIGNS, json=a_campaign_body(), headers=headers)

    ((loc, _),) = errors_of(answer)
    assert loc == ["header", "Idempotency-Key"]
    assert not world.tables.campaigns
