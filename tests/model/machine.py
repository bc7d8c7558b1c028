"""Requests, calls and time in any order: after each step the API tells what the reference model says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.api.house import a_campaign_body
from tests.model.contract import MADE, Answer, Batch, Campaign, Person, wire
from tests.model.house import House, NumberBusy

ENDINGS = ("completed", "busy", "no_answer", "failed")
OVER = (*ENDINGS, "max_retries_reached", "skipped")
STEPS_AHEAD = st.sampled_from([None, 60, 150])
"""Seconds until a batch begins or ends; time passes by 90 at a time."""
ANY = st.integers(0, 5)
"""Which of those that are there, counted round."""
LATE = 8
"""Steps before anything is cancelled or deleted as a whole, so that there is something to lose."""
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


class ContractMachine(RuleBasedStateMachine):
    """Drives the API and the model; `house` is set by the test."""

    house: ClassVar[House]

    @initialize(max_retries=st.integers(0, 2))
    def begin(self, max_retries: int) -> None:
        self.campaigns: list[Campaign] = []
        self.sent: list[Sent] = []
        self.calls: list[LiveCall] = []
        self.attempts: dict[str, int] = {}
        self.steps = 0
        self.create_campaign(max_retries)
        self.create_batch(0, people=3, limit=2, keep_open=False, starts_in=None, ends_in=None)

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

    def a_call(self, index: int) -> LiveCall:
        return self.calls[index % len(self.calls)]

    is_late = precondition(lambda self: self.steps >= LATE)
    has_calls = precondition(lambda self: bool(self.calls))

    # Requests.

    @rule(max_retries=st.integers(0, 2))
    @precondition(lambda self: sum(not each.is_deleted for each in self.campaigns) < 2)
    def create_campaign(self, max_retries: int) -> None:
        policy = {"max_retries": max_retries, "cooldown_minutes": 1}
        answer = self.house.ask("POST", "/campaigns/", a_campaign_body(retry_policy=policy))
        assert answer.status_code == 201, answer.text
        self.campaigns.append(Campaign(max_retries, answer.json()["campaign_id"]))

    @rule(at=ANY, people=st.integers(1, 3), limit=st.integers(1, 3), keep_open=st.booleans(),
          starts_in=STEPS_AHEAD, ends_in=STEPS_AHEAD)  # fmt: skip
    def create_batch(
        self, at: int, people: int, limit: int, keep_open: bool, starts_in: int | None, ends_in: int | None
    ) -> None:
        campaign, now = self.a_campaign(at), self.house.clock()
        starts_at = None if starts_in is None else now + timedelta(seconds=starts_in)
        ends_at = None if ends_in is None else (starts_at or now) + timedelta(seconds=ends_in)
        body: dict[str, Any] = {"campaign_id": campaign.campaign_id, "concurrency_limit": limit}
        body |= {"scheduled_start": wire(starts_at)} if starts_at else {}
        body |= {"scheduled_end": wire(ends_at)} if ends_at else {}
        batch = Batch(campaign, fresh_people(people), limit, keep_open, starts_at, ends_at)
        batch.status = batch.goes_on_as(now)
        body |= {"contacts": rows(batch.people), "keep_open": keep_open}
        refusal = campaign.refusal()
        if self.make("/batches/", body, refusal or MADE, batch) and refusal is None:
            campaign.take(batch)
            self.check(batch)

    @rule(at=ANY, statuses=st.frozensets(st.sampled_from(OVER), min_size=1))
    def requeue(self, at: int, statuses: frozenset[str]) -> None:
        parent = self.a_batch(at)
        came = parent.requeued(statuses)
        expected, batch = (came, None) if isinstance(came, Answer) else (MADE, came)
        self.make(f"/batches/{parent.batch_id}/requeue", {"statuses": sorted(statuses)}, expected, batch)
        self.check(batch or parent)

    @rule(at=ANY, people=st.integers(1, 2))
    def append(self, at: int, people: int) -> None:
        batch, added = self.a_batch(at), fresh_people(people)
        path, body = f"/batches/{batch.batch_id}/contacts", {"contacts": rows(added)}
        self.make(path, body, batch.append(added), batch)
        self.check(batch)

    @rule(at=ANY)
    @precondition(lambda self: bool(self.sent))
    def repeat(self, at: int) -> None:
        sent = self.sent[at % len(self.sent)]
        answer = self.house.ask("POST", sent.path, sent.body, key=sent.key)
        assert (answer.status_code, answer.json()) == (201, sent.answered)
        assert answer.headers["Idempotency-Replayed"] == "true"

    @rule(at=ANY)
    @precondition(lambda self: bool(self.sent))
    def repeat_otherwise(self, at: int) -> None:
        sent = self.sent[at % len(self.sent)]
        other = {"statuses": ["failed"]} if "statuses" in sent.body else {"contacts": rows(fresh_people(1))}
        if sent.body | other == sent.body:
            return
        answer = self.house.ask("POST", sent.path, sent.body | other, key=sent.key)
        assert answer.status_code == 422, answer.text
        assert [each["type"] for each in answer.json()["errors"]] == ["idempotency_mismatch"]

    @rule(at=ANY, action=st.sampled_from(["pause", "resume", "resume", "close", "dispatch"]))
    def act_on_batch(self, at: int, action: str) -> None:
        batch = self.a_batch(at)
        answer = self.house.ask("POST", f"/batches/{batch.batch_id}/{action}")
        agree(answer, batch.act(action, self.house.clock()))
        self.check(batch)

    @rule(at=ANY)
    @is_late
    def cancel_batch(self, at: int) -> None:
        self.act_on_batch(at, "cancel")

    @rule(at=ANY)
    @is_late
    def cancel_campaign(self, at: int) -> None:
        self.act_on_campaign(at, "cancel")

    @rule(at=ANY, action=st.sampled_from(["pause", "resume", "resume?all=true"]))
    def act_on_campaign(self, at: int, action: str) -> None:
        campaign = self.a_campaign(at)
        verb, _, everything = action.partition("?")
        answer = self.house.ask("POST", f"/campaigns/{campaign.campaign_id}/{action}")
        agree(answer, campaign.act(verb, self.house.clock(), everything=bool(everything)))
        self.check(*campaign.batches)
        if not campaign.batches:
            self.compare_campaign(campaign)

    @rule(at=ANY)
    def delete_batch(self, at: int) -> None:
        batch = self.a_batch(at)
        agree(self.house.ask("DELETE", f"/batches/{batch.batch_id}"), batch.delete())
        self.check(batch)

    @rule(at=ANY)
    @is_late
    def delete_campaign(self, at: int) -> None:
        campaign = self.a_campaign(at)
        agree(self.house.ask("DELETE", f"/campaigns/{campaign.campaign_id}"), campaign.delete())
        self.compare_campaign(campaign)

    @rule(at=ANY, who=ANY)
    def skip(self, at: int, who: int) -> None:
        batch = self.a_batch(at)
        person = batch.people[who % len(batch.people)]
        path = f"/batches/{batch.batch_id}/contacts/{person.contact_id}/skip"
        agree(self.house.ask("POST", path), batch.skip(person))
        self.check(batch)

    @rule(at=ANY, who=ANY, ahead=st.sampled_from([-60, 120]))
    def follow_up(self, at: int, who: int, ahead: int) -> None:
        batch, now = self.a_batch(at), self.house.clock()
        person = batch.people[who % len(batch.people)]
        when = now + timedelta(seconds=ahead)
        path = f"/batches/{batch.batch_id}/contacts/{person.contact_id}/follow-up"
        agree(self.house.ask("POST", path, {"at": wire(when)}), batch.follow_up(person, when, now))
        self.check(batch)

    # Calls and time.

    @rule(at=ANY)
    def dial(self, at: int) -> None:
        batch, now = self.a_batch(at), self.house.clock()
        able = batch.callable_people(now)
        on_the_phone = {each.person.number for each in self.calls}
        asleep = [each.contact_id for each in batch.people if each.due_at is not None]
        try:
            dialled = self.house.dial(batch.batch_id, asleep)
        except NumberBusy:
            assert any(each.number in on_the_phone for each in able)
            return
        assert (dialled is not None) == bool(able)
        if dialled is not None:
            contact_id, execution_id = dialled
            [person] = [each for each in able if each.contact_id == contact_id]
            assert person.number not in on_the_phone
            batch.dialled(person)
            self.attempts[contact_id] = attempt = self.attempts.get(contact_id, 0) + 1
            self.calls.append(LiveCall(batch, person, execution_id, attempt, next(_turns)))
        self.check(batch)

    @rule(at=ANY)
    @has_calls
    def ring(self, at: int) -> None:
        call = self.a_call(at)
        told = self.house.report(call.execution_id, "ringing", f"{call.number}:1")
        assert told == ("duplicate" if call.has_rung else "accepted")
        call.has_rung = True
        call.batch.rang(call.person)
        self.check(call.batch)

    @rule(at=ANY, outcome=st.sampled_from(ENDINGS))
    def call(self, at: int, outcome: str) -> None:
        """Have somebody called from the first to the last step."""
        before = len(self.calls)
        self.dial(at)
        if len(self.calls) > before:
            self.ring(before)
            self.end_call(before, outcome, None)

    @rule(at=ANY, outcome=st.sampled_from(ENDINGS), agreed_in=st.sampled_from([None, None, -30, 120]))
    @has_calls
    def end_call(self, at: int, outcome: str, agreed_in: int | None) -> None:
        call, now = self.a_call(at), self.house.clock()
        agreed_at = None if agreed_in is None else now + timedelta(seconds=agreed_in)
        agreed = {} if agreed_at is None else {"follow_up_at": wire(agreed_at)}
        told = [self.house.report(call.execution_id, outcome, f"{call.number}:2", **agreed) for _ in range(2)]
        told.append(self.house.report(call.execution_id, "in_progress", f"{call.number}:3"))
        assert told == ["accepted", "duplicate", "stale"]
        self.house.settle(call.batch.batch_id, call.person.contact_id, call.attempt)
        call.batch.call_ended(call.person, outcome, agreed_at, now)
        self.calls.remove(call)
        self.check(call.batch)

    @rule()
    def pass_time(self) -> None:
        self.house.clock.pass_time(timedelta(seconds=90))
        self.check(*[each for each in self.batches if not each.is_over])

    # What must hold.

    def make(self, path: str, body: dict[str, Any], expected: Answer, batch: Batch | None) -> bool:
        """Post what makes something under a key, and note what was made."""
        key = f"model-{next(_turns)}"
        answer = self.house.ask("POST", path, body, key=key)
        agree(answer, expected)
        if answer.status_code == 201 and batch is not None:
            batch.batch_id = answer.json()["batch_id"]
            self.sent.append(Sent(path, body, key, answer.json()))
            listed = self.house.read(f"/batches/{batch.batch_id}/contacts?limit=1000")
            for person, shown in zip(batch.people, listed, strict=True):
                person.contact_id = shown["contact_id"]
        return answer.status_code == 201

    def check(self, *touched: Batch) -> None:
        """Let the workflows do what is due, and compare what the API tells of whoever was touched."""
        self.steps += 1
        for each in touched:
            if not each.is_over and each.is_there:
                self.house.look(each.batch_id)
                each.time_passed(self.house.clock())
        if touched:
            self.compare_people(touched[self.steps % len(touched)])
        for campaign in self.campaigns:
            if any(each.campaign is campaign for each in touched):
                self.compare_campaign(campaign)

    def compare_people(self, batch: Batch) -> None:
        answer = self.house.ask("GET", f"/batches/{batch.batch_id}/contacts?limit=1000")
        if not batch.is_there:
            agree(answer, Answer(404, "Batch not found"))
            return
        names = ("phone_number", "status", "skip_reason", "retry_count", "follow_up_count")
        told = [tuple(each[name] for name in names) for each in answer.json()]
        assert told == [
            (each.number, each.status, each.skip_reason, each.retry_count, each.follow_up_count)
            for each in batch.people
        ]
        due = [each["next_retry_at"] or each["follow_up_at"] for each in answer.json()]
        assert due == [each.due_at and wire(each.due_at) for each in batch.people]

    def compare_campaign(self, campaign: Campaign) -> None:
        path = f"/campaigns/{campaign.campaign_id}"
        if campaign.is_deleted:
            agree(self.house.ask("GET", path), Answer(404, "Campaign not found"))
            return
        told = self.house.read(path)
        assert told["status"] == campaign.status
        assert {name: told[name] for name in campaign.call_counters} == campaign.call_counters
        shown = [shown_batch(each) for each in self.house.read(f"{path}/batches?limit=1000")]
        there = [each for each in reversed(campaign.batches) if each.is_there]
        assert shown == [
            (each.batch_id, each.status, each.paused_by, len(each.people), each.counters) for each in there
        ]


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
    assert Answer(answer.status_code, detail) == expected
