"""What the contract says of campaigns, batches and contacts, in as few words as it can be said.

Nothing of the product is imported: statuses, refusals and counters are written down once more, from
docs/contract.md, whose sections are named.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

COOLDOWN = timedelta(minutes=1)
MAX_FOLLOW_UPS = 1
BATCH_IS_OVER = frozenset({"completed", "cancelled", "expired"})
WAITING = frozenset({"pending", "retrying", "followup_scheduled"})
LIVE = frozenset({"dispatched", "in_progress"})
COUNTED_AS = {"in_progress": "in_flight"}
"""Contact statuses that a batch's counters call otherwise (7.2)."""

PAST = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "dispatch": "dispatched"}


@dataclass(frozen=True)
class Answer:
    """A status code, and for a refusal its `detail`."""

    code: int = 200
    detail: str | None = None


OK, GONE = Answer(), Answer(204)
MADE = Answer(201)


@dataclass
class Person:
    """A contact (6.4)."""

    number: str
    contact_id: str = ""
    status: str = "pending"
    skip_reason: str | None = None
    retry_count: int = 0
    follow_up_count: int = 0
    due_at: datetime | None = None
    execution_id: str = ""
    """Of the newest call."""

    def skip(self, reason: str) -> None:
        self.status, self.skip_reason, self.due_at = "skipped", reason, None

    def end(self, status: str, due_at: datetime | None = None) -> None:
        self.status, self.due_at = status, due_at


@dataclass
class Batch:
    """A batch (6.2), which knows its campaign."""

    campaign: "Campaign"
    people: list[Person]
    limit: int
    keep_open: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    batch_id: str = ""
    status: str = "in_progress"
    paused_by: str | None = None
    is_deleted: bool = False
    endings: Counter[str] = field(default_factory=Counter)
    """How calls ended (7.1), and follow-ups dialled."""

    @property
    def is_over(self) -> bool:
        return self.status in BATCH_IS_OVER

    @property
    def is_there(self) -> bool:
        return not (self.is_deleted or self.campaign.is_deleted)

    @property
    def counters(self) -> Mapping[str, int]:
        """Those that are not 0."""
        return Counter(COUNTED_AS.get(each.status, each.status) for each in self.people)

    def callable_people(self, now: datetime, on_the_phone: Collection[str]) -> Sequence[Person]:
        """Return who may be called now: those that are due, and the first that is pending (6.7).

        A number has one call at a time, whichever batch it is of.
        """
        live = sum(each.status in LIVE for each in self.people)
        if not self.is_there or self.status != "in_progress" or live >= self.limit:
            return []
        free = [each for each in self.people if each.number not in on_the_phone]
        due = [each for each in free if each.due_at is not None and each.due_at <= now]
        return due + [each for each in free if each.status == "pending"][:1]

    def goes_on_as(self, now: datetime) -> str:
        return "pending" if self.starts_at is not None and self.starts_at > now else "in_progress"

    # What is asked of it.

    def act(self, action: str, now: datetime) -> Answer:
        """Pause, resume, cancel, close or dispatch it (6.2, 6.3)."""
        if not self.is_there:
            return Answer(404, "Batch not found")
        if self.status == "cancelled" and action == "cancel":
            return OK
        if self.is_over:
            return Answer(409, f"Batch is {self.status} and cannot be {PAST.get(action, 'closed')}")
        verbs = {
            "pause": self._pause,
            "resume": self._resume,
            "cancel": self._cancel,
            "close": self._close,
            "dispatch": self._dispatch,
        }
        return verbs[action](now)

    def _pause(self, _: datetime) -> Answer:
        if self.status != "paused":
            self.status, self.paused_by = "paused", "batch"
        return OK

    def _resume(self, now: datetime) -> Answer:
        if self.status == "paused":
            if self.campaign.status == "paused":
                return Answer(409, "Campaign is paused; resume the campaign first")
            self.status, self.paused_by = self.goes_on_as(now), None
        return OK

    def _cancel(self, _: datetime) -> Answer:
        self.stop("cancelled", "batch_cancelled")
        return OK

    def _close(self, _: datetime) -> Answer:
        self.keep_open = False
        return OK

    def _dispatch(self, _: datetime) -> Answer:
        match self.status:
            case "paused":
                return Answer(409, "Batch is paused and cannot be dispatched")
            case "pending":
                start = f"Batch is pending until {wire(self.starts_at)}"
                return Answer(409, f"{start} and cannot be dispatched; use ?now=true to start it at once")
        return OK

    def stop(self, status: str, reason: str) -> None:
        """End it before everybody was called (6.9)."""
        self.status, self.paused_by = status, None
        left = WAITING if reason == "batch_expired" else WAITING | {"dispatched"}
        for each in self.people:
            if each.status in left:
                each.skip(reason)
        self.campaign.a_batch_ended()

    def delete(self) -> Answer:
        if not self.is_there:
            return Answer(404, "Batch not found")
        if not self.is_over:
            return Answer(409, f"Batch is {self.status} and cannot be deleted")
        self.is_deleted = True
        return GONE

    def append(self, people: Iterable[Person]) -> Answer:
        if not self.is_there:
            return Answer(404, "Batch not found")
        if self.is_over:
            return Answer(409, f"Batch is {self.status} and cannot take contacts")
        self.people += people
        return MADE

    def skip(self, person: Person) -> Answer:
        if not self.is_there:
            return Answer(404, "Batch not found")
        if person.status not in WAITING:
            return Answer(409, f"Contact is {person.status} and cannot be skipped")
        person.skip("manual")
        return OK

    def follow_up(self, person: Person, at: datetime, now: datetime) -> Answer:
        """Agree on a further call with somebody who was reached (9.6)."""
        if not self.is_there:
            return Answer(404, "Batch not found")
        if person.status != "completed":
            return Answer(409, f"Contact is {person.status} and cannot be given a follow-up")
        if self.is_over:
            return Answer(409, f"Batch is {self.status} and cannot be given a follow-up")
        if person.follow_up_count >= MAX_FOLLOW_UPS:
            return Answer(409, f"Contact has no follow-up left (limit {MAX_FOLLOW_UPS})")
        if self.ends_at is not None and max(at, now) >= self.ends_at:
            return Answer(422, "Validation failed")
        person.end("followup_scheduled", max(at, now))
        return OK

    def requeued(self, statuses: frozenset[str]) -> "Answer | Batch":
        """Return the batch that calls people again, or why there is none (20)."""
        if not self.is_there:
            return Answer(404, "Batch not found")
        if self.campaign.status == "cancelled":
            return Answer(409, "Campaign is cancelled and cannot accept new batches")
        people = [Person(each.number) for each in self.people if each.status in statuses]
        if not people:
            return Answer(422, "Validation failed")
        return self.campaign.take(Batch(self.campaign, people, self.limit))

    # What happens to it.

    def time_passed(self, now: datetime) -> None:
        """Begin, end or complete it where that is due (6.2)."""
        if self.is_over:
            return
        if self.status == "pending" and self.goes_on_as(now) == "in_progress":
            self.status = "in_progress"
        is_done = all(each.status not in WAITING | LIVE for each in self.people)
        has_ended = self.ends_at is not None and self.ends_at <= now
        if is_done and (has_ended or not self.keep_open):
            self.status, self.paused_by = "completed", None
            self.campaign.a_batch_ended()
        elif has_ended:
            self.stop("expired", "batch_expired")

    def dialled(self, person: Person) -> None:
        """A call to somebody is placed: a first one, a retry or a follow-up."""
        if person.status == "retrying":
            person.retry_count += 1
        if person.status == "followup_scheduled":
            person.follow_up_count += 1
            self.endings["follow_up"] += 1
        person.end("dispatched")

    def rang(self, person: Person) -> None:
        if person.status == "dispatched":
            person.end("in_progress")

    def call_ended(self, person: Person, outcome: str, agreed_at: datetime | None, now: datetime) -> None:
        """Decide what follows a call (6.5, 6.8, 6.9)."""
        self.endings[outcome] += 1
        if person.status not in LIVE:
            return
        if self.is_over or self.campaign.status == "cancelled":
            person.end(outcome)
            return
        if (
            agreed_at is not None
            and person.follow_up_count < MAX_FOLLOW_UPS
            and self.is_before_end(agreed_at)
        ):
            person.end("followup_scheduled", max(agreed_at, now))
        elif outcome == "completed":
            person.end("completed")
        elif person.retry_count < self.campaign.max_retries:
            due_at = now + COOLDOWN
            person.end(*(("retrying", due_at) if self.is_before_end(due_at) else (outcome,)))
        else:
            person.end("max_retries_reached" if person.retry_count else outcome)

    def is_before_end(self, instant: datetime) -> bool:
        return self.ends_at is None or instant < self.ends_at


@dataclass
class Campaign:
    """A campaign (6.1) and its batches, oldest first."""

    max_retries: int
    campaign_id: str = ""
    status: str = "draft"
    is_deleted: bool = False
    batches: list[Batch] = field(default_factory=list)

    @property
    def unfinished(self) -> Sequence[Batch]:
        return [each for each in self.batches if not each.is_over]

    @property
    def call_counters(self) -> Mapping[str, int]:
        """The five call counters (7.1), of batches that were not deleted."""
        endings: Counter[str] = Counter()
        for each in self.batches:
            endings.update({} if each.is_deleted else each.endings)
        names = ("completed", "failed", "busy", "no_answer", "follow_up")
        return {f"{name}_calls": endings[name] for name in names}

    def refusal(self) -> Answer | None:
        """Return why it takes no new batch."""
        if self.is_deleted:
            return Answer(404, "Campaign not found")
        if self.status == "cancelled":
            return Answer(409, "Campaign is cancelled and cannot accept new batches")
        return None

    def take(self, batch: Batch) -> Batch:
        """Take a new batch, which may be called where the campaign is."""
        self.batches.append(batch)
        if self.status == "paused":
            batch.status, batch.paused_by = "paused", "campaign"
        else:
            self.status = "active"
        return batch

    def act(self, action: str, now: datetime, *, everything: bool = False) -> Answer:
        """Pause, resume or cancel it with its batches (6.1, 8.5)."""
        if self.is_deleted:
            return Answer(404, "Campaign not found")
        if self.status == "cancelled" and action == "cancel":
            return OK
        is_over = self.status in ("completed", "cancelled")
        if is_over or (self.status == "draft" and action != "cancel"):
            return Answer(409, f"Campaign is {self.status} and cannot be {PAST[action]}")
        match action:
            case "pause":
                self._pause()
            case "resume":
                self._resume(now, everything=everything)
            case "cancel":
                self.status = "cancelled"
                for each in self.unfinished:
                    each.stop("cancelled", "campaign_cancelled")
        return OK

    def _pause(self) -> None:
        self.status = "paused"
        for each in self.unfinished:
            if each.status != "paused":
                each.status, each.paused_by = "paused", "campaign"

    def _resume(self, now: datetime, *, everything: bool) -> None:
        if self.status != "paused":
            return
        self.status = "active"
        for each in self.unfinished:
            if each.status == "paused" and (everything or each.paused_by == "campaign"):
                each.status, each.paused_by = each.goes_on_as(now), None

    def delete(self) -> Answer:
        if self.is_deleted:
            return Answer(404, "Campaign not found")
        if left := len(self.unfinished):
            noun = "unfinished batch" if left == 1 else "unfinished batches"
            return Answer(409, f"Campaign has {left} {noun} and cannot be deleted")
        self.is_deleted = True
        return GONE

    def a_batch_ended(self) -> None:
        if self.status != "cancelled" and not self.unfinished:
            self.status = "completed"


def wire(instant: datetime | None) -> str:
    """Return an instant in whole seconds as responses show it."""
    assert instant is not None
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
