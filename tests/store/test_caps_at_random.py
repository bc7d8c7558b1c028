"""Many claims at once, in random order and at random times: caps hold, and no phone rings twice at once."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from domain.call import CallRecord, CallStatus, DialState
from domain.campaign import Campaign
from domain.contact import Contact
from domain.frequency import FrequencyCap
from domain.gates import Gate
from domain.ports import Capped, Claimed
from tests.builders import MONDAY_NOON, a_campaign_rules, a_claim, a_new_contact
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)
NUMBERS = [f"+1415555010{digit}" for digit in range(3)]
CAPS = (
    (FrequencyCap(2, 10 * MINUTE),),
    (FrequencyCap(3, 30 * MINUTE), FrequencyCap(1, 2 * MINUTE)),
    (),
)
BATCHES_EACH = 6


@dataclass
class Night:
    """What happened to each number."""

    stores: Stores
    dice: random.Random
    caps_of: dict[str, tuple[FrequencyCap, ...]] = field(default_factory=dict)
    """By campaign."""
    open_calls: list[CallRecord] = field(default_factory=list)
    asked: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    """By number: when it was asked for, and by which campaign."""

    async def people(self) -> list[Contact]:
        campaigns: list[Campaign] = []
        for caps in CAPS:
            campaign = await self.stores.a_kept_campaign(a_campaign_rules(frequency_caps=caps))
            self.caps_of[campaign.campaign_id] = caps
            campaigns.append(campaign)
        uploads = [a_new_contact(phone_number=number) for number in NUMBERS]
        batches = [
            await self.stores.a_kept_batch(uploads, campaign=each)
            for each in campaigns
            for _ in range(BATCHES_EACH)
        ]
        people = [person for batch in batches for person in await self.stores.people_of(batch)]
        self.dice.shuffle(people)
        return people

    async def round(self, people: Sequence[Contact], now: datetime) -> None:
        """Several claims at once; of the calls that are open some end meanwhile, and no others.

        So of one number at most one claim passes in a round, and their order is that of the rounds.
        """
        ending = [each for each in self.open_calls if self.dice.random() < 0.5]
        self.open_calls = [each for each in self.open_calls if each not in ending]
        answers = await asyncio.gather(
            *(self.stores.calls.claim_attempt(a_claim(each.contact_id), now) for each in people),
            *(self._end(each) for each in ending),
        )
        for answer in answers:
            if isinstance(answer, Claimed) and answer.may_ask:
                self.open_calls.append(answer.record)
                self.asked[answer.record.to_number].append((now, answer.record.campaign_id))

    async def _end(self, record: CallRecord) -> None:
        await self.stores.calls.record_dial(record.execution_id, DialState.ACCEPTED)
        await self.stores.hears(record, self.dice.choice((CallStatus.COMPLETED, CallStatus.UNKNOWN)))

    def require_caps_held(self) -> None:
        for asked in self.asked.values():
            for at, campaign_id in asked:
                before = [each for each, _ in asked if each <= at]
                for cap in self.caps_of[campaign_id]:
                    assert sum(each > at - cap.window for each in before) <= cap.max_calls

    def require_one_call_at_a_time(self) -> None:
        numbers = [each.to_number for each in self.open_calls]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("seed", [7, 20, 413, 9001])
async def test_caps_hold_and_no_number_is_claimed_twice_at_once(stores: Stores, seed: int) -> None:
    night = Night(stores, random.Random(seed))
    people, now = await night.people(), MONDAY_NOON
    for _ in range(60):
        now += MINUTE * night.dice.choice((0.25, 0.5, 1, 2, 5))
        await night.round(night.dice.sample(people, 5), now)
        night.require_one_call_at_a_time()
    night.require_caps_held()
    assert sum(map(len, night.asked.values())) >= 15


async def test_of_many_claims_on_one_number_as_many_as_allowed_pass(stores: Stores) -> None:
    """Each claim's call has ended before the next claim, so that only the cap can withhold it."""
    night = Night(stores, random.Random(1))
    campaign = await stores.a_kept_campaign(a_campaign_rules(frequency_caps=CAPS[0]))
    upload = [a_new_contact(phone_number=NUMBERS[0])]
    answers: list[Claimed | Capped | Gate] = []
    for _ in range(5):
        person = await stores.a_person(people=upload, campaign=campaign)
        answers.append(await stores.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON))
        if isinstance(answers[-1], Claimed):
            await night._end(answers[-1].record)
    assert [type(each) for each in answers] == [Claimed, Claimed, Capped, Capped, Capped]
