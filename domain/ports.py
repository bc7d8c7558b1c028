"""What the inside needs of the outside: Protocols only.

Stores commit before they return; every verb is one transaction and may be repeated.
A store that cannot reach its database raises StoreUnavailable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from domain.batch import Batch, BatchStatus, NewBatch
from domain.call import AttemptKind, CallRecord, DialState, EventEffect, StatusEvent
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, ContactStatus, NewContact, SkipReason
from domain.counters import BatchTally
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId, TokenId
from domain.settlement import Settlement
from domain.telephony import CallRequest, DialResult, HangUpResult

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A stretch of a list, and how many match before paging."""

    items: Sequence[T]
    total: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which stretch: `skip` matches left out, at most `limit` returned."""

    skip: int = 0
    limit: int = 50


class TelephonyProvider(Protocol):
    """A service that places calls. Expected outcomes are values, never exceptions."""

    @property
    def name(self) -> str:
        """Shown on call records."""

    @property
    def lookup_is_proof(self) -> bool:
        """True only where *not found* by our execution id proves that nothing was dialled."""

    async def place_call(self, request: CallRequest) -> DialResult:
        """Ask once for a call."""

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands; None = not known there, which does not mean ended.

        Raises ProviderUnavailable when the provider does not answer.
        """

    async def find_calls(self, execution_id: ExecutionId, to_number: str) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable."""

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Ask to end a call."""


@dataclass(frozen=True, kw_only=True)
class StatusReport:
    """A webhook's body in our words."""

    execution_id: ExecutionId | None
    """Our own id, when the body carries it; else `provider_call_id` tells whose call it is."""
    provider_call_id: str | None
    """The provider's id of the call; of a child leg, its parent's."""
    event: StatusEvent | None
    """None for a status we have no word for, and for a child leg: kept and ignored."""
    event_id: str | None
    """The sender's own key against duplicates."""


class WebhookTranslator(Protocol):
    """Read a provider's webhook. Raises InvalidRequest naming what is missing or wrong."""

    def __call__(self, body: Mapping[str, object], received_at: datetime) -> StatusReport: ...


@dataclass(frozen=True, kw_only=True)
class EngineHealth:
    """Whether Temporal answers, and how many workers listen."""

    ok: bool
    workflow_pollers: int = 0
    dial_pollers: int = 0


class BatchEngine(Protocol):
    """The durable side of batches, as the API sees it. Raises EngineUnavailable."""

    async def ping(self) -> None:
        """Return when the engine answers."""

    async def start_batch(self, batch_id: BatchId, campaign_id: CampaignId, total_contacts: int) -> None:
        """Start the batch's workflow; nothing happens when it runs already."""

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Ask the running workflow for its numbers; None when no worker answers within a second."""

    async def deliver(self, record: CallRecord) -> bool:
        """Tell the contact's workflow where its call stands; False when it cannot be told now.

        True also when that workflow is over, for then nobody waits for the news.
        """

    async def health(self) -> EngineHealth:
        """Say whether the engine answers and who polls it; never raises."""


@dataclass(frozen=True, kw_only=True)
class DialBrief:
    """Everything one dial needs to know, read in one instant."""

    contact: Contact
    batch: Batch
    campaign: Campaign
    record: CallRecord | None
    """The attempt's row, if it was written before."""
    live_calls: Mapping[str, int]
    """Live calls of the campaign per caller ID; filled only for the strategy that asks for it."""


@dataclass(frozen=True, kw_only=True)
class AttemptClaim:
    """The wish to ask the provider for one call."""

    contact_id: ContactId
    attempt: int
    kind: AttemptKind
    from_number: str
    provider: str


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """The attempt's row after a claim."""

    record: CallRecord
    may_ask: bool
    """True for the one claimant that moved the row to `dialling`; everyone else must not ask."""


@dataclass(frozen=True, kw_only=True)
class RecordedEvent:
    """What storing an event did, and the call record after it."""

    effect: EventEffect
    record: CallRecord
    event_number: int | None
    """The stored event's number, None for a duplicate."""


@dataclass(frozen=True, kw_only=True)
class AttemptReport:
    """What a contact tells its batch when it gives its slot back."""

    contact_id: ContactId
    attempt: int
    status: ContactStatus
    """Where the contact stands now."""


class BatchReports(Protocol):
    """The way from a contact to the workflow of its batch."""

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Give a slot back; False when the batch's workflow is gone. Raises EngineUnavailable."""


class WorkflowDirectory(Protocol):
    """Which contacts still have someone to tell their story."""

    async def closed_among(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> Sequence[ContactId]:
        """Return those whose workflow is not running. Raises EngineUnavailable."""


class CallStore(Protocol):
    """Attempts, their calls, and the events received about them."""

    async def dial_brief(self, contact_id: ContactId, attempt: int) -> DialBrief | None:
        """Read what a dial needs; None when the contact no longer exists."""

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> Claimed | None:
        """Write the attempt's row and take the right to ask the provider, once.

        Moves the row to `dialling` and the contact to `dispatched`, only while the batch is
        in_progress and the contact may be dialled: None, with nothing written, when either no longer holds.
        A row that is not `ready` is returned with `may_ask` False.
        """

    async def record_dial(
        self, execution_id: ExecutionId, state: DialState, *, provider_call_id: str | None = None
    ) -> None:
        """Keep what the provider said to a dial; `ready` gives the right to ask back."""

    async def record_event(
        self,
        execution_id: ExecutionId,
        event: StatusEvent,
        *,
        event_key: str,
        body: Mapping[str, object] | None,
    ) -> RecordedEvent:
        """Store an event once per `event_key` and apply it to the call record.

        A call that rings or is answered moves its dispatched contact to `in_progress`.
        Raises ExecutionNotFound.
        """

    async def keep_event(
        self,
        execution_id: ExecutionId,
        *,
        event_key: str,
        body: Mapping[str, object],
        received_at: datetime,
    ) -> None:
        """Store a report that says nothing of where the call stands, once per `event_key`; it moves nothing.

        Nothing is stored for an unknown attempt.
        """

    async def mark_delivered(self, event_number: int, now: datetime) -> None:
        """Keep that the contact's workflow was told of the event."""

    async def execution_of_provider_call(self, provider_call_id: str) -> ExecutionId | None:
        """Return the attempt that owns a provider's call id."""


class ContactStore(Protocol):
    """The people of batches."""

    async def next_page(
        self, batch_id: BatchId, after_position: int, limit: int
    ) -> Sequence[tuple[ContactId, int]]:
        """Return ids and positions of `pending` contacts behind a position, in order."""

    async def due_contacts(
        self, batch_id: BatchId, now: datetime, limit: int
    ) -> Sequence[tuple[ContactId, int, AttemptKind]]:
        """Return waiting retries and follow-ups whose time has come, follow-ups first, then the longest due.

        Each with the number and kind of the attempt it waits for.
        """

    async def live_contacts(self, batch_id: BatchId, limit: int) -> Sequence[tuple[ContactId, int]]:
        """Return the contacts being called now, each with its newest attempt."""

    async def settle(
        self, contact_id: ContactId, attempt: int, settlement: Settlement, now: datetime
    ) -> Settlement:
        """Move a live contact to where its attempt left it.

        Returns what stands: a contact that was already settled is left as it is.
        """

    async def give_back(self, contact_id: ContactId, attempt: int, now: datetime) -> ContactStatus:
        """Return a dispatched contact whose attempt was certainly not dialled to the status it waited in.

        Returns the status that stands, also when there was nothing to give back.
        """

    async def skip(
        self, contact_id: ContactId, reason: SkipReason, now: datetime, *, detail: str | None = None
    ) -> ContactStatus:
        """Skip a waiting contact; returns the status that stands, another one when it was not waiting."""

    async def list_contacts(
        self, batch_id: BatchId, statuses: Sequence[ContactStatus], window: Window
    ) -> Page[Contact]:
        """Return contacts by position; empty `statuses` matches any."""

    async def get_contact(self, batch_id: BatchId, contact_id: ContactId) -> Contact:
        """Raises ContactNotFound."""

    async def calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, Sequence[CallRecord]]:
        """Return the call records of each contact, oldest first."""

    async def latest_calls_of(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, CallRecord]:
        """Return the newest call record of each contact that has one."""


class BatchStore(Protocol):
    """Uploads."""

    async def create(self, new: NewBatch, contacts: Sequence[NewContact], now: datetime) -> Batch:
        """Keep a batch and all its contacts, in order, and bring its campaign to life.

        Contacts with `skip_detail` are kept as skipped, reason `invalid_number`.
        Raises CampaignNotFound, CampaignClosed.
        """

    async def discard(self, batch_id: BatchId) -> None:
        """Take back a batch whose workflow never started, with everything `create` did."""

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        """Keep that the batch's workflow was started."""

    async def unstarted(self, before: datetime, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches created before an instant whose workflow was never started."""

    async def load(self, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch with counters from its contacts, whoever owns it. Raises BatchNotFound."""

    async def get(self, organization_id: OrganizationId, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch with counters from its contacts. Raises BatchNotFound."""

    async def count_in_progress(self, batch_id: BatchId) -> int:
        """Return how many contacts ring or talk."""

    async def list_batches(
        self,
        organization_id: OrganizationId,
        *,
        campaign_id: CampaignId | None,
        statuses: Sequence[BatchStatus],
        window: Window,
    ) -> Page[tuple[Batch, Campaign]]:
        """Return batches, newest first, with counters from their contacts."""

    async def begin(self, batch_id: BatchId, now: datetime) -> BatchStatus:
        """Move a `pending` batch to `in_progress`; returns the status that stands."""

    async def finish(self, batch_id: BatchId, now: datetime) -> Batch:
        """Complete a running batch whose contacts are all terminal, and its campaign with its last batch.

        Returns the batch as it stands; unchanged while any contact is unfinished.
        """


class CampaignStore(Protocol):
    """Standing rules."""

    async def create(self, organization_id: OrganizationId, rules: CampaignRules, now: datetime) -> Campaign:
        """Keep a campaign as `draft`."""

    async def get(self, organization_id: OrganizationId, campaign_id: CampaignId) -> Campaign:
        """Raises CampaignNotFound."""

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        """Return campaigns, newest first."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token without its secret."""

    token_id: TokenId
    organization_id: OrganizationId
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class TokenStore(Protocol):
    """Who may use the API."""

    async def create(self, organization_id: OrganizationId, name: str, secret: str, now: datetime) -> Token:
        """Keep a token's hash, its organization too; the same secret again returns the token that has it."""

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Return the live token with this secret and note its use (to the minute)."""

    async def list_tokens(self, window: Window) -> Page[Token]:
        """Return all tokens, newest first."""

    async def revoke(self, token_id: TokenId, now: datetime) -> bool:
        """Revoke a token; False when there is none of this id."""


@dataclass(frozen=True)
class FirstUse:
    """The key is ours now: do the work, then `keep` or `release` it."""


@dataclass(frozen=True)
class Replay:
    """The same request was answered before, with this JSON text."""

    body: str


@dataclass(frozen=True)
class InProgress:
    """Another request with this key has not finished."""


@dataclass(frozen=True)
class Mismatch:
    """The key was used for another body."""


KeyUse = FirstUse | Replay | InProgress | Mismatch


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A client's name for one request, scoped to organization and kind of resource."""

    organization_id: OrganizationId
    kind: str
    key: str


class IdempotencyStore(Protocol):
    """Remembers requests for 24 hours after their success."""

    async def begin(self, key: IdempotencyKey, fingerprint: str, now: datetime) -> KeyUse:
        """Claim a key for a body with this fingerprint.

        A claim left behind by a crash lapses after a minute.
        """

    async def keep(self, key: IdempotencyKey, body: str, now: datetime) -> None:
        """Keep the answer of a finished request."""

    async def release(self, key: IdempotencyKey) -> None:
        """Forget a request that failed."""
