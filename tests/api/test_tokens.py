"""Tokens over HTTP: made, listed and revoked by those that open everything."""

from datetime import timedelta

import pytest

from tests.api.world import OTHER_SECRET, SECRET, Json, World, a_problem, bearer, created, errors_of

NOT_FOUND = a_problem(404, "not-found", "Not Found", "Token not found")


async def make(world: World, **fields: object) -> Json:
    return created(await world.client.post("/api/v1/tokens", json={"name": "dashboard", **fields}))


async def test_token_is_made_with_a_secret_that_is_shown_once(world: World) -> None:
    answer = await world.client.post(
        "/api/v1/tokens", json={"name": "dashboard", "scope": "read", "expires_in": "90d"}
    )
    made = created(answer)
    token_id, secret = made["token_id"], made["token"]
    (listed,) = [
        each for each in (await world.client.get("/api/v1/tokens")).json() if each["token_id"] == token_id
    ]

    assert made == {
        "token_id": token_id,
        "token": secret,
        "name": "dashboard",
        "scope": "read",
        "expires_at": "2026-12-03T12:00:00Z",
        "last_used_at": None,
        "created_at": "2026-09-04T12:00:00Z",
    }
    assert listed == {name: value for name, value in made.items() if name != "token"}
    assert answer.headers["cache-control"] == "no-store"
    assert (await world.client.get("/api/v1/campaigns", headers=bearer(secret))).status_code == 200


async def test_token_opens_everything_for_ever_unless_told_otherwise(world: World) -> None:
    made = await make(world, scope=None, expires_in=None)

    assert (made["scope"], made["expires_at"]) == ("full", None)
    assert (await world.client.get("/api/v1/tokens", headers=bearer(made["token"]))).status_code == 200


async def test_listed_token_shows_when_it_was_used(world: World) -> None:
    made = await make(world)
    world.clock.pass_time(timedelta(minutes=2))
    await world.client.get("/api/v1/campaigns", headers=bearer(made["token"]))

    (newest, *_) = (await world.client.get("/api/v1/tokens")).json()

    assert (newest["token_id"], newest["last_used_at"]) == (made["token_id"], "2026-09-04T12:02:00Z")


async def test_tokens_are_listed_page_by_page_newest_first_with_expired_ones(world: World) -> None:
    short = await make(world, name="short", expires_in="60s")
    world.clock.pass_time(timedelta(minutes=2))
    long = await make(world, name="long")

    page = await world.client.get("/api/v1/tokens", params={"limit": 2})

    assert [each["token_id"] for each in page.json()] == [long["token_id"], short["token_id"]]
    assert page.headers["x-total-count"] == "3"
    assert 'rel="next"' in page.headers["link"]


async def test_revoked_token_is_401_no_longer_listed_and_found_no_more(world: World) -> None:
    made = await make(world)
    path = f"/api/v1/tokens/{made['token_id']}"

    first, again = await world.client.delete(path), await world.client.delete(path)
    used = await world.client.get("/api/v1/campaigns", headers=bearer(made["token"]))
    listed = [each["token_id"] for each in (await world.client.get("/api/v1/tokens")).json()]

    assert (first.status_code, first.content) == (204, b"")
    assert (again.status_code, again.json()) == (404, NOT_FOUND)
    assert used.status_code == 401
    assert made["token_id"] not in listed


@pytest.mark.parametrize("token_id", ["tok_none", "none", "tok_", "cmp_1"])
async def test_token_that_does_not_exist_is_not_found(world: World, token_id: str) -> None:
    answer = await world.client.delete(f"/api/v1/tokens/{token_id}")

    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_another_organization_neither_sees_nor_revokes_a_token(world: World) -> None:
    made = await make(world)

    seen = await world.client.get("/api/v1/tokens", headers=bearer(OTHER_SECRET))
    foreign = await world.client.delete(f"/api/v1/tokens/{made['token_id']}", headers=bearer(OTHER_SECRET))
    missing = await world.client.delete("/api/v1/tokens/tok_none", headers=bearer(OTHER_SECRET))

    assert [each["name"] for each in seen.json()] == ["other"]
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert (await world.client.get("/api/v1/campaigns", headers=bearer(made["token"]))).status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({}, (["body", "name"], "missing"), id="no name"),
        pytest.param({"name": " "}, (["body", "name"], "blank"), id="blank name"),
        pytest.param({"name": "x" * 256}, (["body", "name"], "string_too_long"), id="long name"),
        pytest.param({"name": "a", "scope": "admin"}, (["body", "scope"], "enum"), id="unknown scope"),
        pytest.param(
            {"name": "a", "expires_in": "soon"}, (["body", "expires_in"], "lifetime"), id="no lifetime"
        ),
        pytest.param(
            {"name": "a", "expires_in": "9999d"}, (["body", "expires_in"], "lifetime"), id="too long"
        ),
        pytest.param({"name": "a", "expires_in": 90}, (["body", "expires_in"], "lifetime_type"), id="number"),
        pytest.param(
            {"name": "a", "token": "gat_mine"}, (["body", "token"], "extra_forbidden"), id="own secret"
        ),
    ],
)
async def test_bad_field_is_named(world: World, body: Json, error: tuple[list[str], str]) -> None:
    assert errors_of(await world.client.post("/api/v1/tokens", json=body)) == [error]


async def test_naming_another_organization_is_forbidden(world: World) -> None:
    made = await world.client.post("/api/v1/tokens", json={"name": "a", "organization_id": "org_other"})
    listed = await world.client.get("/api/v1/tokens", params={"organization_id": "org_other"})

    assert (made.status_code, listed.status_code) == (403, 403)


async def test_token_may_revoke_itself(world: World) -> None:
    (own,) = (await world.client.get("/api/v1/tokens")).json()

    revoked = await world.client.delete(f"/api/v1/tokens/{own['token_id']}")
    later = await world.client.get("/api/v1/campaigns", headers=bearer(SECRET))

    assert (revoked.status_code, later.status_code) == (204, 401)
