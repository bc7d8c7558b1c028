"""Whoever guesses tokens is slowed down, and whoever holds one is let through."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from api.http.failed_tokens import MAX_ADDRESSES, MAX_TRUSTED, FailedTokens
from api.http.refusals import RateLimited
from tests.api.world import OTHER_SECRET, SECRET, World, a_problem, bearer, build_world
from tests.builders import MONDAY_NOON

LIMIT = 3
LIMITED = a_problem(429, "rate-limited", "Too Many Requests", "Rate limit exceeded")
HOST = "203.0.113.9"


@pytest.fixture
async def guarded() -> AsyncIterator[World]:
    """An API that lets three different tokens fail a minute."""
    world = await build_world(failed_tokens_per_minute=LIMIT)
    async with world.client:
        yield world


async def show(world: World, secret: str) -> httpx.Response:
    return await world.client.get("/api/v1/campaigns", headers=bearer(secret))


async def fail(world: World, times: int = LIMIT) -> None:
    for number in range(times):
        assert (await show(world, f"gat_guess{number}")).status_code == 401


async def test_next_guess_waits_for_the_end_of_the_minute(guarded: World) -> None:
    await fail(guarded)
    guarded.clock.pass_time(timedelta(seconds=20))

    refused = await show(guarded, "gat_another")
    guarded.clock.pass_time(timedelta(seconds=40))
    later = await show(guarded, "gat_another")

    assert (refused.status_code, refused.json(), refused.headers["retry-after"]) == (429, LIMITED, "40")
    assert later.status_code == 401


async def test_right_token_that_was_shown_before_is_let_through(guarded: World) -> None:
    first = await show(guarded, SECRET)
    await fail(guarded)

    assert (first.status_code, (await show(guarded, SECRET)).status_code) == (200, 200)


async def test_right_token_that_was_never_shown_waits_no_longer_than_the_minute(guarded: World) -> None:
    await fail(guarded)

    refused = await show(guarded, OTHER_SECRET)
    guarded.clock.pass_time(timedelta(seconds=int(refused.headers["retry-after"])))

    assert (refused.status_code, (await show(guarded, OTHER_SECRET)).status_code) == (429, 200)


async def test_client_that_repeats_one_wrong_token_shuts_nobody_else_out(guarded: World) -> None:
    statuses = [(await show(guarded, "gat_expired")).status_code for _ in range(LIMIT + 2)]

    assert statuses == [401] * LIMIT + [429] * 2
    assert (await show(guarded, OTHER_SECRET)).status_code == 200


async def test_revoked_token_is_401_and_trusted_no_more(guarded: World) -> None:
    token = await guarded.tokens.authenticate(SECRET, guarded.clock())
    assert token is not None
    await show(guarded, SECRET)
    await fail(guarded, LIMIT)
    await guarded.tokens.revoke(token.token_id, guarded.clock())

    statuses = [(await show(guarded, SECRET)).status_code for _ in range(2)]

    assert statuses == [401, 429]


@pytest.mark.parametrize("authorization", ["", "Basic Z2F0", "Bearer demo"])
async def test_what_is_no_token_costs_no_look_up_and_does_not_count(
    guarded: World, authorization: str
) -> None:
    for _ in range(LIMIT + 1):
        answer = await guarded.client.get("/api/v1/campaigns", headers={"Authorization": authorization})
        assert answer.status_code == 401

    assert (await show(guarded, SECRET)).status_code == 200


async def test_nothing_is_counted_when_it_is_off() -> None:
    world = await build_world()
    async with world.client:
        await fail(world, 50)


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [
        pytest.param(HOST, True, id="the same"),
        pytest.param(f"::ffff:{HOST}", True, id="the same, written within version 6"),
        pytest.param("203.0.113.10", False, id="its neighbour"),
        pytest.param("2001:db8::1", False, id="another site"),
    ],
)
def test_addresses_are_counted_each_for_itself(other: str, is_refused: bool) -> None:
    failed = FailedTokens(1)
    failed.failed(HOST, "gat_1", MONDAY_NOON)

    assert is_limited(failed, other) is is_refused


def test_site_of_version_6_counts_as_one_address() -> None:
    failed = FailedTokens(1)
    failed.failed("2001:db8:1:2::1", "gat_1", MONDAY_NOON)

    assert is_limited(failed, "2001:db8:1:2:ffff::9")
    assert not is_limited(failed, "2001:db8:1:3::1")


def test_memory_is_bounded_whoever_asks() -> None:
    failed = FailedTokens(2)
    for number in range(MAX_ADDRESSES + 10):
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        for guess in range(3):
            failed.failed(host, f"gat_{guess}", MONDAY_NOON)
    for number in range(MAX_TRUSTED + 10):
        failed.succeeded(f"gat_right{number}")

    assert len(failed._failures) == MAX_ADDRESSES
    assert max(len(each.by_secret) for each in failed._failures.values()) == 2
    assert len(failed._trusted) == MAX_TRUSTED


def is_limited(failed: FailedTokens, host: str) -> bool:
    try:
        failed.admit(host, "gat_2", MONDAY_NOON)
    except RateLimited:
        return True
    return False
