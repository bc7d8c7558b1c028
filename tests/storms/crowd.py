"""Who uses the stack while it is struck: their batches, what they asked for, and what they were answered."""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx

from tests.e2e.world import TERMINAL, World

CAMPAIGN_LIMIT, BATCH_LIMIT = 10, 6
MAX_RETRIES, COOLDOWN_MINUTES = 2, 0.02
ENDINGS = (*("55",) * 12, "01", "02", "03", "04", "04", "05", "06", "07", "08", "09", "10", "11", "12")
"""What the people are like, by the last two digits of their numbers: half of them simply answer."""
FINAL = ("completed", "busy", "no_answer", "failed", "max_retries_reached", "skipped")
WAITING = ("pending", "retrying", "followup_scheduled")
_UNFINISHED = (*WAITING, "dispatched", "in_flight")
_TIMEOUT_SECONDS = 6
_DECIDES_WITHIN_SECONDS = 60
_NOT_NOW = frozenset({408, 429, 500, 502, 503, 504})
_OPENINGS = 9
_LATE_ANSWERS_COME_WITHIN = timedelta(seconds=15)
_STILL_RUNS = "still in progress"


@dataclass
class Promised:
    """A request that makes something, and what it was answered in the end."""

    path: str
    body: Mapping[str, Any]
    key: str
    numbers: tuple[str, ...] = ()
    answer: httpx.Response | None = None
    """None while nobody knows what came of it."""

    @property
    def is_made(self) -> bool:
        return self.answer is not None and self.answer.status_code == 201


@dataclass(frozen=True)
class Held:
    """A time in which no call of a batch or campaign may begin: from an answer to the next request."""

    what: str
    object_id: str
    since: datetime
    until: datetime


@dataclass
class Crowd:
    """The clients of one storm."""

    world: World
    seed: int
    campaigns: list[str] = field(default_factory=list)
    """The capped one, and the one whose window closes each minute."""
    batches: list[str] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    """Batches whose cancel was answered."""
    promised: list[Promised] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    closed_minutes: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When nobody of the second campaign may be called."""
    answers: dict[int, int] = field(default_factory=dict)
    """How often which code was answered, 0 for no answer."""
    complaints: list[str] = field(default_factory=list)
    """Answers that no client should ever see."""

    def __post_init__(self) -> None:
        self._random = random.Random(f"crowd {self.seed}")
        self._people = count(1)
        self._lock = threading.Lock()
        self._in_doubt_until = datetime.now(UTC)
        self.holding = threading.Lock()
        """Taken by whoever pauses something and counts on its staying so."""
        self._client = httpx.Client(
            base_url=f"{self.world.stack.plan.api_url}/api/v1",
            headers={"Authorization": f"Bearer {self.world.stack.token}"},
            trust_env=False,
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(keepalive_expiry=2),
        )

    def close(self) -> None:
        self._client.close()

    # Requests.

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> httpx.Response | None:
        """Ask once; None when no answer came."""
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError:
            answer = None
        code = 0 if answer is None else answer.status_code
        with self._lock:
            self.answers[code] = self.answers.get(code, 0) + 1
            if code == 500:
                self.complaints.append(f"{method} {path} was answered 500")
        return answer

    def promise(self, path: str, body: Mapping[str, Any], numbers: Sequence[str] = ()) -> Promised:
        """Ask for something to be made, once; whoever hears no answer asks again by `settle`."""
        key = str(UUID(int=self._random.getrandbits(128)))
        asked = Promised(path, body, key, tuple(numbers))
        with self._lock:
            self.promised.append(asked)
        self.settle(asked, tries=1)
        return asked

    def settle(self, asked: Promised, *, tries: int) -> None:
        """Repeat a request under its key until its answer says what came of it."""
        for turn in range(tries):
            time.sleep(1 if turn else 0)
            answer = self.ask("POST", asked.path, asked.body, key=asked.key)
            if answer is not None and answer.status_code not in _NOT_NOW and _STILL_RUNS not in answer.text:
                self._note(asked, answer)
                return

    def _note(self, asked: Promised, answer: httpx.Response) -> None:
        with self._lock:
            if asked.is_made and asked.answer is not None and asked.answer.json() != answer.json():
                self.complaints.append(f"{asked.path}: a repeated request was answered otherwise")
            asked.answer = asked.answer or answer
            batch_id = str(answer.json().get("batch_id", ""))
            if answer.status_code == 201 and batch_id not in self.batches:
                self.batches.append(batch_id)

    # What they have.

    def arrive(self) -> None:
        """Make the campaigns and the first batches, while all is calm."""
        now = datetime.now(UTC)
        capped = {"metadata": {"concurrency_limit": CAMPAIGN_LIMIT}}
        self.campaigns = [self._campaign(**capped), self._campaign(**by_minutes(now))]
        this_minute = now.replace(second=0, microsecond=0)
        begins = [this_minute + timedelta(minutes=1 + 2 * turn) for turn in range(_OPENINGS)]
        self.closed_minutes = [(each, each + timedelta(minutes=1)) for each in begins]
        for campaign_id in (*self.campaigns[:1] * 3, self.campaigns[1]):
            self.bring_batch(campaign_id, 25, keep_open=campaign_id == self.campaigns[0])

    def _campaign(self, **rules: object) -> str:
        answer = self.ask("POST", "/campaigns/", {
            "name": f"storm {self.seed}",
            "agent_id": "agent_test",
            "phone_numbers": ["+14155550180", "+14155550181"],
            "retry_policy": {"max_retries": MAX_RETRIES, "cooldown_minutes": COOLDOWN_MINUTES},
            **rules,
        })  # fmt: skip
        assert answer is not None
        return str(answer.raise_for_status().json()["campaign_id"])

    def bring_batch(self, campaign_id: str, people: int, *, keep_open: bool = False) -> Promised:
        """Ask for a batch."""
        numbers = self.people(people)
        body = {
            "campaign_id": campaign_id,
            "concurrency_limit": BATCH_LIMIT,
            "keep_open": keep_open,
            "contacts": [{"phone_number": each} for each in numbers],
        }
        return self.promise("/batches/", body, numbers)

    def people(self, number: int) -> list[str]:
        """Return numbers nobody was given before."""
        with self._lock:
            turns = [next(self._people) for _ in range(number)]
            endings = self._random.choices(ENDINGS, k=number)
        return [
            f"+1{628 + self.seed % 300}{turn:05}{ending}" for turn, ending in zip(turns, endings, strict=True)
        ]

    def unfinished(self) -> int | None:
        """Return how many contacts wait or are called, None when nobody answers."""
        answer = self.ask("GET", "/batches/?limit=1000&status=in_progress&status=paused")
        if answer is None or not answer.is_success:
            return None
        ours = [each for each in answer.json() if each["batch_id"] in self.batches]
        return sum(int(each["counters"][name]) for each in ours for name in _UNFINISHED)

    def hold(self, what: str, object_id: str, since: datetime) -> None:
        """Note that until now no call of it may have begun since then."""
        with self._lock:
            if since > self._in_doubt_until:
                self.held.append(Held(what, object_id, since, datetime.now(UTC)))

    def let_go(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Ask for the end of what was held; unanswered, it may yet be done at any time."""
        if self.ask(method, path, body) is None:
            self._in_doubt_until = datetime.now(UTC) + _LATE_ANSWERS_COME_WITHIN

    # The end.

    def decide(self) -> None:
        """Find out what came of every request that nobody answered."""
        for each in self.promised:
            if each.answer is None:
                self.settle(each, tries=_DECIDES_WITHIN_SECONDS)
            if each.answer is None:
                self.complaints.append(f"{each.path}: nobody ever says what came of it")

    def let_everybody_finish(self) -> None:
        """Resume whoever was paused, open every window, and close what is kept open."""
        opened = datetime.now(UTC)
        self.closed_minutes = [(since, min(until, opened)) for since, until in self.closed_minutes]
        for campaign_id in self.campaigns:
            always = {"blackout_dates": [], "working_hours_enforced": False}
            self.insist("PATCH", f"/campaigns/{campaign_id}", always)
            self.insist("POST", f"/campaigns/{campaign_id}/resume")
        for batch_id in self.batches:
            self.insist("POST", f"/batches/{batch_id}/resume")
            self.insist("POST", f"/batches/{batch_id}/close")

    def insist(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Ask until it is answered; a refusal is an answer."""
        for _ in range(_DECIDES_WITHIN_SECONDS):
            answer = self.ask(method, path, body)
            if answer is not None and answer.status_code not in _NOT_NOW:
                return
            time.sleep(1)
        self.complaints.append(f"{method} {path} is not answered in calm weather")

    def not_over(self) -> list[str]:
        """Return the batches that are not over; all of them while nobody answers."""
        return [each for each in self.batches if not self._is_over(each)]

    def _is_over(self, batch_id: str) -> bool:
        answer = self.ask("GET", f"/batches/{batch_id}")
        return answer is not None and answer.is_success and answer.json()["status"] in TERMINAL


def by_minutes(now: datetime) -> Mapping[str, object]:
    """Return hours whose window is open in every second minute from this one on, and in the end for good."""
    first = now.hour * 60 + now.minute
    starts = [first + 2 * turn for turn in range(_OPENINGS)]
    windows = [{"start": _clock(each), "end": _clock(each + 1)} for each in starts]
    last = first + 2 * _OPENINGS
    windows.append({"start": _clock(last), "end": _clock(last + 12 * 60)})
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    day = {"windows": windows, "enabled": True}
    return {"working_hours_enforced": True, "timezone": "UTC", "working_hours": dict.fromkeys(days, day)}


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
