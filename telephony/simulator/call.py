"""One call of the simulator: its create request, its statuses, and the webhooks it still has to send."""

from asyncio import Event, Task
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Protocol

from domain.call import CallStatus, has_ended
from domain.disposition import AnsweredBy
from telephony.simulator.scenario import Scenario, Told

Verb = Mapping[str, object]
"""One thing that an application has a call do."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where something of a call is posted, and the basic auth it carries."""

    url: str
    credentials: tuple[str, str] | None = None
    bearer: str | None = field(default=None, repr=False)
    """A token instead."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant a call reached a status; `number` counts from 1 within the call."""

    number: int
    status: CallStatus
    at: datetime
    sip_status: int


class WireForm(Protocol):
    """The form of a webhook in one contract."""

    def __call__(self, call: "SimulatedCall", moment: Moment) -> Mapping[str, object] | None:
        """Return the body, None where the contract has no webhook for the moment."""


class TellForm(Protocol):
    """The form in which one contract tells what is no status."""

    def __call__(self, call: "SimulatedCall", told: Told) -> tuple[Hook, Mapping[str, object]] | None:
        """Return where it is posted and the body, None where another webhook tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCallRequest:
    """A create call of any contract."""

    form: WireForm
    tell: TellForm
    from_number: str
    to_number: str
    execution_id: str | None = None
    batch_id: str | None = None
    contact_id: str | None = None
    status_hook: Hook | None = None
    amd_hook: Hook | None = None
    """Where it is reported who answered, in Jambonz' contract."""
    call_hook: Hook | None = None
    """Where the application is asked what an answered call does; None has nobody to ask."""
    ring_limit: float = inf
    talk_limit: float = inf
    account_sid: str | None = None
    application_sid: str | None = None
    tag: Mapping[str, object] | None = None

    @property
    def callee(self) -> str:
        """The contact where the request names one, else the number; counts first calls."""
        return self.contact_id or self.to_number


@dataclass(slots=True)
class Outbox:
    """A call's webhooks in order."""

    deliveries: list["WebhookDelivery"] = field(default_factory=list)
    draining: bool = False
    _first_is_settled: bool = False
    _waiter: Event | None = None

    def settle_one(self) -> None:
        """Note that a webhook was delivered or given up."""
        self._first_is_settled = True
        if self._waiter is not None:
            self._waiter.set()

    async def first_settled(self) -> None:
        """Return once the first webhook was delivered or given up; one waiter at a time."""
        if not self._first_is_settled:
            self._waiter = Event()
            await self._waiter.wait()


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    hook: Hook
    body: bytes


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedCall:
    call_sid: str
    request: CreateCallRequest
    scenario: Scenario
    created_at: datetime
    moments: list[Moment] = field(default_factory=list)
    """Those reached so far; of an ended call only the last is kept."""
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    hangup_by: str | None = None
    """`callee` or `assistant`, on answered calls only."""
    follow_up_at: datetime | None = None
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    """Both as far as they were reported."""
    verbs: list[Verb] = field(default_factory=list)
    """All that the application answered with."""
    outbox: Outbox = field(default_factory=Outbox)
    playing: Task[None] | None = None

    @property
    def status(self) -> CallStatus:
        return self.moments[-1].status if self.moments else CallStatus.QUEUED

    @property
    def duration_seconds(self) -> int | None:
        """Whole seconds from answer to end, None while the call lives or when nobody answered."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return round((self.ended_at - self.answered_at).total_seconds())

    def reach(self, status: CallStatus, sip_status: int, at: datetime) -> Moment:
        moment = Moment(len(self.moments) + 1, status, at, sip_status)
        self.moments.append(moment)
        if status is CallStatus.IN_PROGRESS:
            self.answered_at = at
        if has_ended(status):
            self.ended_at = at
        return moment
