"""Suppressed and busy numbers on the whole stack: the simulator's ledger says whose phone rang."""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.scenes import a_batch, a_campaign, fresh_numbers
from tests.e2e.world import House, a_fresh_house

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

BUSY, ANSWERED, UNWANTED = "+14155550101", "+14155550155", "+14155550156"
SOON: Mapping[str, object] = {"max_retries": 2, "cooldown_minutes": 0.1}
TALK = timedelta(seconds=1)
OVER = {"completed", "busy", "no_answer", "failed", "max_retries_reached", "skipped"}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with a_fresh_house(talk_seconds=TALK.total_seconds()) as opened:
        yield opened


def _rings_of(house: House, number: str) -> list[datetime]:
    return [datetime.fromisoformat(str(each["at"])) for each in house.rings() if each["to"] == number]


def test_number_suppressed_while_its_contact_cools_down_never_rings_again(house: House) -> None:
    batch_id = a_batch(house, a_campaign(house, retry_policy=SOON), [BUSY])
    house.wait_for(lambda: house.counters(batch_id)[0]["retrying"] == 1)
    [call] = house.rings()
    named = {"execution_id": call["execution_id"], "reason": "asked us"}

    answer = house.ask("POST", "/suppressions", named)

    assert answer.status_code == 201
    house.wait_for_end(batch_id, 5)  # before its cooldown is over, for the batch was told
    [contact] = house.contacts(batch_id)
    assert (contact["status"], contact["skip_reason"]) == ("skipped", "suppressed")
    assert contact["next_retry_at"] is None
    assert len(house.create_requests(batch_id)) == 1
    house.wait_for(lambda: house.is_closed(f"batch/{batch_id}/c/{contact['contact_id']}"), 10)

    later = a_batch(house, a_campaign(house), [BUSY, UNWANTED])
    house.wait_for_end(later)
    assert len(house.create_requests(later)) == 1
    numbers, _ = house.counters(later)
    assert numbers == {**dict.fromkeys(numbers, 0), "skipped": 1, "completed": 1}


def test_person_in_two_batches_of_two_campaigns_is_never_on_two_calls_at_once(house: House) -> None:
    batches = [a_batch(house, a_campaign(house), [ANSWERED]) for _ in range(2)]
    for batch_id in batches:
        house.wait_for_end(batch_id)
    first, second = sorted(_rings_of(house, ANSWERED))
    assert second - first >= TALK
    for batch_id in batches:
        [contact] = house.contacts(batch_id)
        assert contact["status"] == "completed"


def test_person_called_once_is_left_alone_while_the_cap_holds(house: House) -> None:
    number = "+14155550157"
    caps = [{"max_calls": 1, "hours": 1}]
    house.wait_for_end(a_batch(house, a_campaign(house), [number]))
    capped = a_batch(house, a_campaign(house, frequency_caps=caps), [number, "+14155550158"])
    house.wait_for(lambda: house.counters(capped)[0]["completed"] == 1)
    assert house.counters(capped)[0]["pending"] == 1
    assert len(_rings_of(house, number)) == 1
    house.api.act("batches", capped, "cancel")


class Crowd:
    """A few people in the batches of four campaigns, three of which may ring a phone so often an hour."""

    def __init__(self, house: House, dice: random.Random) -> None:
        self._house = house
        self.numbers = fresh_numbers("55", "56", "01", "02")
        self._cap_of: dict[str, int | None] = {}
        """By batch."""
        for cap in (None, 2, 3, 4):
            caps = [] if cap is None else [{"max_calls": cap, "hours": 1}]
            campaign_id = a_campaign(house, retry_policy=SOON, frequency_caps=caps)
            people = dice.sample(self.numbers, len(self.numbers))
            self._cap_of[a_batch(house, campaign_id, people, concurrency_limit=dice.randint(1, 4))] = cap

    def rings_of(self, number: str) -> list[dict[str, Any]]:
        """Return the rings of one phone, oldest first."""
        mine = [each for each in self._house.rings() if each["to"] == number]
        return sorted(mine, key=lambda each: str(each["at"]))

    def is_quiet(self) -> bool:
        """Tell whether every contact is over or its phone has rung as often as its campaign allows."""
        rings = {number: self.rings_of(number) for number in self.numbers}
        return all(
            contact["status"] in OVER or (cap is not None and len(rings[str(contact["phone_number"])]) >= cap)
            for batch_id, cap in self._cap_of.items()
            for contact in self._house.contacts(batch_id)
        ) and all(each["ended_at"] for mine in rings.values() for each in mine)

    def cap_of(self, ring: Mapping[str, Any]) -> int | None:
        """Return how often the campaign that rang lets a phone be rung."""
        [batch_id] = [
            str(each["batch_id"])
            for each in self._house.ledger()["create_requests"]
            if each["execution_id"] == ring["execution_id"]
        ]
        return self._cap_of[batch_id]

    def end(self) -> None:
        """Give up who is capped until the hour has passed."""
        for batch_id in self._cap_of:
            self._house.ask("POST", f"/batches/{batch_id}/cancel")


@pytest.mark.parametrize("seed", [20])
def test_people_in_many_batches_are_rung_by_one_at_a_time_and_as_often_as_its_campaign_allows(
    house: House, seed: int
) -> None:
    house.empty_ledger()
    crowd = Crowd(house, random.Random(seed))

    house.wait_for(crowd.is_quiet, 120, every=0.5)

    for number in crowd.numbers:
        rings = crowd.rings_of(number)
        for before, after in pairwise(rings):
            assert before["ended_at"] <= after["at"]
        caps = [crowd.cap_of(ring) for ring in rings]
        assert [cap for turn, cap in enumerate(caps, start=1) if cap is not None and turn > cap] == []
    assert sum(len(crowd.rings_of(number)) for number in crowd.numbers) >= 10
    crowd.end()
