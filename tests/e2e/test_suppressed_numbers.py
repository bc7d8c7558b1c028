"""Suppressed and busy numbers on the whole stack: the simulator's ledger says whose phone rang."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pytest

from tests.e2e.house import House, a_fresh_house
from tests.e2e.scenes import a_batch, a_campaign

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

BUSY, ANSWERED, UNWANTED = "+14155550101", "+14155550155", "+14155550156"
SOON: Mapping[str, object] = {"max_retries": 2, "cooldown_minutes": 0.1}
TALK = timedelta(seconds=1)


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
