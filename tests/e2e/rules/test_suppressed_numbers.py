"""Suppressed and busy numbers on the whole stack: the simulator's ledger says whose phone rang."""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.scenes import a_batch, a_campaign, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

BUSY, ANSWERED, UNWANTED = "+14155550101", "+14155550155", "+14155550156"
SOON: Mapping[str, object] = {"max_retries": 2, "cooldown_minutes": 0.1}
TALK = timedelta(seconds=1)
OVER = {"completed", "busy", "no_answer", "failed", "max_retries_reached", "skipped"}


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=TALK.total_seconds()) as opened:
        yield opened


def _rings_of(world: World, number: str) -> list[datetime]:
    return [datetime.fromisoformat(str(each["at"])) for each in world.rings() if each["to"] == number]


def test_number_suppressed_while_its_contact_cools_down_never_rings_again(world: World) -> None:
    batch_id = a_batch(world, a_campaign(world, retry_policy=SOON), [BUSY])
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == 1)
    [call] = world.rings()
    named = {"execution_id": call["execution_id"], "reason": "asked us"}

    answer = world.ask("POST", "/suppressions", named)

    assert answer.status_code == 201
    world.wait_for_end(batch_id, 5)  # before its cooldown is over, for the batch was told
    [contact] = world.contacts(batch_id)
    assert (contact["status"], contact["skip_reason"]) == ("skipped", "suppressed")
    assert contact["next_retry_at"] is None
    assert len(world.create_requests(batch_id)) == 1
    world.wait_for(lambda: world.is_closed(f"batch/{batch_id}/c/{contact['contact_id']}"), 10)

    later = a_batch(world, a_campaign(world), [BUSY, UNWANTED])
    world.wait_for_end(later)
    assert len(world.create_requests(later)) == 1
    numbers, _ = world.counters(later)
    assert numbers == {**dict.fromkeys(numbers, 0), "skipped": 1, "completed": 1}


def test_person_in_two_batches_of_two_campaigns_is_never_on_two_calls_at_once(world: World) -> None:
    batches = [a_batch(world, a_campaign(world), [ANSWERED]) for _ in range(2)]
    for batch_id in batches:
        world.wait_for_end(batch_id)
    first, second = sorted(_rings_of(world, ANSWERED))
    assert second - first >= TALK
    for batch_id in batches:
        [contact] = world.contacts(batch_id)
        assert contact["status"] == "completed"


def test_person_called_once_is_left_alone_while_the_cap_holds(world: World) -> None:
    number = "+14155550157"
    caps = [{"max_calls": 1, "hours": 1}]
    world.wait_for_end(a_batch(world, a_campaign(world), [number]))
    capped = a_batch(world, a_campaign(world, frequency_caps=caps), [number, "+14155550158"])
    world.wait_for(lambda: world.counters(capped)[0]["completed"] == 1)
    assert world.counters(capped)[0]["pending"] == 1
    assert len(_rings_of(world, number)) == 1
    world.api.act("batches", capped, "cancel")


class Crowd:
    """A few people in the batches of four campaigns, three of which may ring a phone so often an hour."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self._world = world
        self.numbers = fresh_numbers("55", "56", "01", "02")
        self._cap_of: dict[str, int | None] = {}
        """By batch."""
        for cap in (None, 2, 3, 4):
            caps = [] if cap is None else [{"max_calls": cap, "hours": 1}]
            campaign_id = a_campaign(world, retry_policy=SOON, frequency_caps=caps)
            people = dice.sample(self.numbers, len(self.numbers))
            self._cap_of[a_batch(world, campaign_id, people, concurrency_limit=dice.randint(1, 4))] = cap

    def rings_of(self, number: str) -> list[dict[str, Any]]:
        """Return the rings of one phone, oldest first."""
        mine = [each for each in self._world.rings() if each["to"] == number]
        return sorted(mine, key=lambda each: str(each["at"]))

    def is_quiet(self) -> bool:
        """Tell whether every contact is over or its phone has rung as often as its campaign allows."""
        rings = {number: self.rings_of(number) for number in self.numbers}
        return all(
            contact["status"] in OVER or (cap is not None and len(rings[str(contact["phone_number"])]) >= cap)
            for batch_id, cap in self._cap_of.items()
            for contact in self._world.contacts(batch_id)
        ) and all(each["ended_at"] for mine in rings.values() for each in mine)

    def cap_of(self, ring: Mapping[str, Any]) -> int | None:
        """Return how often the campaign that rang lets a phone be rung."""
        [batch_id] = [
            str(each["batch_id"])
            for each in self._world.ledger()["create_requests"]
            if each["execution_id"] == ring["execution_id"]
        ]
        return self._cap_of[batch_id]

    def end(self) -> None:
        """Give up who is capped until the hour has passed."""
        for batch_id in self._cap_of:
            self._world.ask("POST", f"/batches/{batch_id}/cancel")


@pytest.mark.parametrize("seed", [20])
def test_people_in_many_batches_are_rung_by_one_at_a_time_and_as_often_as_its_campaign_allows(
    world: World, seed: int
) -> None:
    world.empty_ledger()
    crowd = Crowd(world, random.Random(seed))

    world.wait_for(crowd.is_quiet, 120, every=0.5)

    for number in crowd.numbers:
        rings = crowd.rings_of(number)
        for before, after in pairwise(rings):
            assert before["ended_at"] <= after["at"]
        caps = [crowd.cap_of(ring) for ring in rings]
        assert [cap for turn, cap in enumerate(caps, start=1) if cap is not None and turn > cap] == []
    assert sum(len(crowd.rings_of(number)) for number in crowd.numbers) >= 10
    crowd.end()
