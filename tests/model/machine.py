"""Requests, calls and time in any order: after each step the API tells what the reference model says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.api.world import a_campaign_body
from tests.model.contract import MADE, Answer, Batch, Campaign, Person, wire
from tests.model.world import NumberBusy, World

ENDINGS = ("completed", "busy", "no_answer", "failed")
OVER = (*ENDINGS, "max_retries_reached", "skipped")
_AHEAD = st.sampled_from([None, None, 60, 150])
"""Seconds until a batch begins or ends; time passes by 90 at a time."""
_ANY = st.integers(0, 5)
"""Which of those that are there, counted round."""
LATE = 20
"""Steps before anything is cancelled or deleted as a whole, so that there is something to lose."""
MOVES = {
    "call": 8,
    "dial": 4,
    "ring": 3,
    "hang_up": 3,
    "pass_time": 4,
    "create_batch": 2,
    "another_campaign": 1,
    "append": 2,
    "requeue": 3,
    "repeat": 1,
    "repeat_otherwise": 1,
    "skip": 2,
    "follow_up": 3,
    "batch pause": 2,
    "batch resume": 3,
    "batch close": 1,
    "batch dispatch": 1,
    "campaign pause": 1,
    "campaign resume": 2,
    "campaign resume?all=true": 1,
    "cancel_batch": 1,
    "cancel_campaign": 1,
    "delete_batch": 2,
    "delete_campaign": 1,
}
"""What a step does, and how often beside the others."""
_turns = count(1)


@dataclass
class Sent:
    """A request under a key, and what it was answered at first."""

    path: str
    body: dict[str, Any]
    key: str
    answered: Any


@dataclass
class LiveCall:
    """A call that the provider still follows, whatever became of its contact."""

    batch: Batch
    person: Person
    execution_id: str
    attempt: int
    number: int
    has_rung: bool = False


@dataclass(frozen=True)
class Dice:
    """What is chosen for a step; each takes of it what it needs."""

    at: int
    who: int
    few: int
    outcome: str
    is_so: bool
    starts_in: int | None
    ends_in: int | None
    agreed_in: int | None
    statuses: frozenset[str]


DICE = st.builds(
    Dice,
    at=_ANY,
    who=_ANY,
    few=st.integers(1, 3),
    outcome=st.sampled_from(ENDINGS),
    is_so=st.booleans(),
    starts_in=_AHEAD,
    ends_in=_AHEAD,
    agreed_in=st.sampled_from([None, None, -30, 120]),
    statuses=st.frozensets(st.sampled_from(OVER), min_size=2),
)


class ContractMachine(RuleBasedStateMachine):
    """Drives the API and the model; `world` is set by the test."""

    world: ClassVar[World]

    @initialize(max_retries=st.integers(0, 2))
    def begin(self, max_retries: int) -> None:
        self.campaigns: list[Campaign] = []
        self.sent: list[Sent] = []
        self.calls: list[LiveCall] = []
        self.attempts: dict[str, int] = {}
        self.steps = 0
        self.create_campaign(max_retries)
        self.create_batch(Dice(0, 0, 3, "busy", False, None, None, None, frozenset()))

    # One rule, for of many rules hypothesis leaves out half in each example, and so most of what may meet.
    @rule(move=st.sampled_from([name for name, weight in MOVES.items() for _ in range(weight)]), dice=DICE)
    def step(self, move: str, dice: Dice) -> None:
        self.steps += 1
        verb, _, word = move.partition(" ")
        match verb:
            case "batch":
                self.act_on_batch(dice.at, word)
            case "campaign":
                self.act_on_campaign(dice.at, word)
            case _:
                getattr(self, verb)(dice)

    def is_early(self) -> bool:
        """Tell whether there is too little to lose for anything to be cancelled or deleted as a whole."""
        return self.steps < LATE

    # What stands there.

    @property
    def batches(self) -> Sequence[Batch]:
        """Those that are there, oldest first; the deleted ones when none is left."""
        everything = [each for campaign in self.campaigns for each in campaign.batches]
        return [each for each in everything if each.is_there] or everything

    def a_campaign(self, index: int) -> Campaign:
        there = [each for each in self.campaigns if not each.is_deleted] or self.campaigns
        return there[index % len(there)]

    def a_batch(self, index: int) -> Batch:
        """Return a batch, rather one of the newest."""
        return self.batches[-1 - index % len(self.batches)]

    # Requests.

    def create_campaign(self, max_retries: int) -> None:
        policy = {"max_retries": max_retries, "cooldown_minutes": 1}
        answer = self.world.ask("POST", "/campaigns/", a_campaign_body(retry_policy=policy))
        assert answer.status_code == 201, answer.text
        self.campaigns.append(Campaign(max_retries, answer.json()["campaign_id"]))

    def another_campaign(self, dice: Dice) -> None:
        if sum(not each.is_deleted for each in self.campaigns) < 2:
            self.create_campaign(dice.few - 1)

    def create_batch(self, dice: Dice) -> None:
        campaign, now = self.a_campaign(dice.at), self.world.clock()
        starts_at = None if dice.starts_in is None else now + timedelta(seconds=dice.starts_in)
        ends_at = None if dice.ends_in is None else (starts_at or now) + timedelta(seconds=dice.ends_in)
        body: dict[str, Any] = {"campaign_id": campaign.campaign_id, "concurrency_limit": dice.few}
        body |= {"scheduled_start": wire(starts_at)} if starts_at else {}
        body |= {"scheduled_end": wire(ends_at)} if ends_at else {}
        batch = Batch(campaign, fresh_people(dice.few), dice.few, dice.is_so, starts_at, ends_at)
        batch.status = batch.goes_on_as(now)
        body |= {"contacts": rows(batch.people), "keep_open": dice.is_so}
        refusal = campaign.refusal()
        if self.make("/batches/", body, refusal or MADE, batch) and refusal is None:
            campaign.take(batch)
            self.check(batch)

    def requeue(self, dice: Dice) -> None:
        parent = self.a_batch(dice.at)
        came = parent.requeued(dice.statuses)
        expected, batch = (came, None) if isinstance(came, Answer) else (MADE, came)
        self.make(f"/batches/{parent.batch_id}/requeue", {"statuses": sorted(dice.statuses)}, expected, batch)
        self.check(batch or parent)

    def append(self, dice: Dice) -> None:
        batch, added = self.a_batch(dice.at), fresh_people(dice.few)
        path, body = f"/batches/{batch.batch_id}/contacts", {"contacts": rows(added)}
        self.make(path, body, batch.append(added), batch)
        self.check(batch)

    def repeat(self, dice: Dice) -> None:
        sent = self.sent[dice.at % len(self.sent)]
        answer = self.world.ask("POST", sent.path, sent.body, key=sent.key)
        assert (answer.status_code, answer.json()) == (201, sent.answered)
        assert answer.headers["Idempotency-Replayed"] == "true"

    def repeat_otherwise(self, dice: Dice) -> None:
        sent = self.sent[dice.at % len(self.sent)]
        other = {"statuses": ["failed"]} if "statuses" in sent.body else {"contacts": rows(fresh_people(1))}
        if sent.body | other == sent.body:
            return
        answer = self.world.ask("POST", sent.path, sent.body | other, key=sent.key)
        assert answer.status_code == 422, answer.text
        assert [each["type"] for each in answer.json()["errors"]] == ["idempotency_mismatch"]

    def act_on_batch(self, at: int, action: str) -> None:
        batch = self.a_batch(at)
        answer = self.world.ask("POST", f"/batches/{batch.batch_id}/{action}")
        agree(answer, batch.act(action, self.world.clock()))
        self.check(batch)

    def cancel_batch(self, dice: Dice) -> None:
        if not self.is_early():
            self.act_on_batch(dice.at, "cancel")

    def cancel_campaign(self, dice: Dice) -> None:
        if not self.is_early():
            self.act_on_campaign(dice.at, "cancel")

    def act_on_campaign(self, at: int, action: str) -> None:
        campaign = self.a_campaign(at)
        verb, _, everything = action.partition("?")
        answer = self.world.ask("POST", f"/campaigns/{campaign.campaign_id}/{action}")
        agree(answer, campaign.act(verb, self.world.clock(), everything=bool(everything)))
        self.check(*campaign.batches)
        if not campaign.batches:
            self.compare_campaign(campaign)

    def delete_batch(self, dice: Dice) -> None:
        batch = self.a_batch(dice.at)
        agree(self.world.ask("DELETE", f"/batches/{batch.batch_id}"), batch.delete())
        self.check(batch)

    def delete_campaign(self, dice: Dice) -> None:
        if self.is_early():
            return
        campaign = self.a_campaign(dice.at)
        agree(self.world.ask("DELETE", f"/campaigns/{campaign.campaign_id}"), campaign.delete())
        self.compare_campaign(campaign)

    def skip(self, dice: Dice) -> None:
        batch = self.a_batch(dice.at)
        person = batch.people[dice.who % len(batch.people)]
        path = f"/batches/{batch.batch_id}/contacts/{person.contact_id}/skip"
        agree(self.world.ask("POST", path), batch.skip(person))
        self.check(batch)

    def follow_up(self, dice: Dice) -> None:
        """Mostly of somebody who was reached, where there is such a person."""
        batch, now = self.a_batch(dice.at), self.world.clock()
        reached = [each for each in batch.people if each.status == "completed"]
        people = reached if reached and dice.who else batch.people
        person = people[dice.who % len(people)]
        when = now + timedelta(seconds=120 if dice.is_so else -60)
        path = f"/batches/{batch.batch_id}/contacts/{person.contact_id}/follow-up"
        agree(self.world.ask("POST", path, {"at": wire(when)}), batch.follow_up(person, when, now))
        self.check(batch)

    # Calls and time.

    def dial(self, dice: Dice) -> None:
        """Mostly in a batch in which somebody may be called, where there is one."""
        now = self.world.clock()
        on_the_phone = {each.person.number for each in self.calls}
        busy = [each for each in self.batches if each.callable_people(now, on_the_phone)]
        batch = busy[dice.at % len(busy)] if busy and dice.who else self.a_batch(dice.at)
        able = batch.callable_people(now, on_the_phone)
        asleep = [each.contact_id for each in batch.people if each.due_at is not None]
        try:
            dialled = self.world.dial(batch.batch_id, asleep)
        except NumberBusy:
            assert any(each.number in on_the_phone for each in batch.people), "no number is busy"
            return
        may_be = {each.contact_id: each for each in able}
        if dialled is None:
            same({}, may_be)
        else:
            contact_id, execution_id = dialled
            assert contact_id in may_be, f"{contact_id} is called, of {may_be}"
            batch.dialled(may_be[contact_id])
            self.attempts[contact_id] = attempt = self.attempts.get(contact_id, 0) + 1
            call = LiveCall(batch, may_be[contact_id], execution_id, attempt, next(_turns))
            self.calls.append(call)
        self.check(batch)

    def ring(self, dice: Dice) -> None:
        for call in self.calls[dice.at % 2 :][:1]:
            told = self.world.report(call.execution_id, "ringing", f"{call.number}:1")
            same(told, "duplicate" if call.has_rung else "accepted")
            call.has_rung = True
            call.batch.rang(call.person)
            self.check(call.batch)

    def call(self, dice: Dice) -> None:
        """Have somebody called from the first to the last step."""
        before = len(self.calls)
        self.dial(dice)
        if len(self.calls) > before:
            self.end(self.calls[-1], dice.outcome, dice.agreed_in)

    def hang_up(self, dice: Dice) -> None:
        for call in self.calls[dice.at % 2 :][:1]:
            self.end(call, dice.outcome, dice.agreed_in)

    def end(self, call: LiveCall, outcome: str, agreed_in: int | None) -> None:
        now = self.world.clock()
        agreed_at = None if agreed_in is None else now + timedelta(seconds=agreed_in)
        agreed = {} if agreed_at is None else {"follow_up_at": wire(agreed_at)}
        told = [self.world.report(call.execution_id, outcome, f"{call.number}:2", **agreed) for _ in range(2)]
        told.append(self.world.report(call.execution_id, "in_progress", f"{call.number}:3"))
        same(told, ["accepted", "duplicate", "stale"])
        self.world.settle(call.batch.batch_id, call.person.contact_id, call.attempt)
        call.batch.call_ended(call.person, outcome, agreed_at, now)
        self.calls.remove(call)
        self.check(call.batch)

    def pass_time(self, _: Dice) -> None:
        self.world.clock.pass_time(timedelta(seconds=90))
        self.check(*[each for each in self.batches if not each.is_over])

    # What must hold.

    def make(self, path: str, body: dict[str, Any], expected: Answer, batch: Batch | None) -> bool:
        """Post what makes something under a key, and note what was made."""
        key = f"model-{next(_turns)}"
        answer = self.world.ask("POST", path, body, key=key)
        agree(answer, expected)
        if answer.status_code == 201 and batch is not None:
            batch.batch_id = answer.json()["batch_id"]
            self.sent.append(Sent(path, body, key, answer.json()))
            listed = self.world.read(f"/batches/{batch.batch_id}/contacts?limit=1000")
            for person, shown in zip(batch.people, listed, strict=True):
                person.contact_id = shown["contact_id"]
        return answer.status_code == 201

    def check(self, *touched: Batch) -> None:
        """Let the workflows do what is due, and compare what the API tells of whoever was touched."""
        for each in touched:
            if not each.is_over and each.is_there:
                self.world.look(each.batch_id)
                each.time_passed(self.world.clock())
        if touched:
            self.compare_people(touched[self.steps % len(touched)])
        for campaign in self.campaigns:
            if any(each.campaign is campaign for each in touched):
                self.compare_campaign(campaign)

    def compare_people(self, batch: Batch) -> None:
        answer = self.world.ask("GET", f"/batches/{batch.batch_id}/contacts?limit=1000")
        if not batch.is_there:
            agree(answer, Answer(404, "Batch not found"))
            return
        names = ("phone_number", "status", "skip_reason", "retry_count", "follow_up_count")
        told = [tuple(each[name] for name in names) for each in answer.json()]
        same(
            told,
            [
                (each.number, each.status, each.skip_reason, each.retry_count, each.follow_up_count)
                for each in batch.people
            ],
        )
        due = [each["next_retry_at"] or each["follow_up_at"] for each in answer.json()]
        same(due, [each.due_at and wire(each.due_at) for each in batch.people])

    def compare_campaign(self, campaign: Campaign) -> None:
        path = f"/campaigns/{campaign.campaign_id}"
        if campaign.is_deleted:
            agree(self.world.ask("GET", path), Answer(404, "Campaign not found"))
            return
        told = self.world.read(path)
        same(told["status"], campaign.status)
        same({name: told[name] for name in campaign.call_counters}, campaign.call_counters)
        shown = [shown_batch(each) for each in self.world.read(f"{path}/batches?limit=1000")]
        there = [each for each in reversed(campaign.batches) if each.is_there]
        same(
            shown,
            [(each.batch_id, each.status, each.paused_by, len(each.people), each.counters) for each in there],
        )


def walk(world: World, seed: int, steps: int) -> None:
    """Go so many steps at random. Raises AssertionError, with all steps, where the API and the model differ.

    Hypothesis begins with small examples, and comes to crowded ones only after many.
    """
    chance = Random(seed)
    machine = type("Walk", (ContractMachine,), {"world": world})()
    machine.begin(1 + seed % 2)
    gone: list[str] = []
    for _ in range(steps):
        move, dice = chance.choices([*MOVES], [*MOVES.values()])[0], _thrown(chance)
        gone.append(f"{move} {dice}")
        try:
            machine.step(move, dice)
        except AssertionError as difference:
            raise AssertionError("\n".join([f"seed {seed}", *gone, str(difference)])) from difference


def _thrown(chance: Random) -> Dice:
    return Dice(
        at=chance.randint(0, 5),
        who=chance.randint(0, 5),
        few=chance.randint(1, 3),
        outcome=chance.choice(ENDINGS),
        is_so=chance.random() < 0.5,
        starts_in=chance.choice([None, None, 60, 150]),
        ends_in=chance.choice([None, None, 60, 150]),
        agreed_in=chance.choice([None, None, None, -30, 120]),
        statuses=frozenset(chance.sample(OVER, chance.randint(2, 4))),
    )


def fresh_people(number: int) -> list[Person]:
    """Return people nobody ever called: a phone is on one call at a time, whichever batch calls it."""
    return [Person(f"+1628{next(_turns):07}") for _ in range(number)]


def rows(people: Iterable[Person]) -> list[dict[str, str]]:
    return [{"phone_number": each.number} for each in people]


def shown_batch(batch: dict[str, Any]) -> tuple[object, ...]:
    counters = {name: number for name, number in batch["counters"].items() if number}
    return batch["batch_id"], batch["status"], batch["paused_by"], batch["total_contacts"], counters


def agree(answer: httpx.Response, expected: Answer) -> None:
    detail = answer.json().get("detail") if answer.status_code >= 400 else None
    same(Answer(answer.status_code, detail), expected)


def same(told: object, expected: object) -> None:
    assert told == expected, f"told {told}, expected {expected}"
