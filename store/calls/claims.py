"""Takes the right to ask the provider for one call, so that a phone rings at most once per attempt.

Rows are locked in the order campaign, batch, contact, call, here as everywhere in this room; then come the
locks that claims share. Only a statement that begins after all of them reads what the claim judges by: a
statement's snapshot is older than the locks it waits for. Claims on one number pass one at a time, so that
each counts the attempts of those before it. The number to show is chosen after all that may refuse the claim,
since others wait for its turn. The number's place among the open attempts is taken with the call, last:
a claim that waits for it holds nothing that its holder still needs.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import (
    Interval,
    RowMapping,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import BatchStatus
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.campaign import CampaignStatus
from domain.contact import WAITING, ContactStatus
from domain.frequency import Capped, capped_where
from domain.gates import Gate, GateFacts, closed_gate
from domain.identity import EXECUTION_PREFIX, ExecutionId, MintId
from domain.ports import AttemptClaim, ClaimAnswer, Claimed, RulesChanged
from domain.presets import caps_with_presets
from store.calls.caller_ids import caller_id_for
from store.numbers.claim_locks import claims_of, claims_on
from store.numbers.frequency import cap_free_at
from store.numbers.on_the_phone import is_on_the_phone
from store.numbers.suppressed import instant, is_suppressed
from store.schema.base import INSTANT
from store.schema.json_columns import frequency_cap_of
from store.schema.mapping import Values, call_of, call_values, rules_version_of
from store.schema.tables import batches, calls, campaigns, contacts, slots

REQUEST_LASTS = timedelta(seconds=2)
"""A claim that waited longer for its locks may rest on hours that have closed since, and is judged again."""

# The share lock on the batch lets claims pass each other, and makes them and a pause wait for one another:
# after a pause has committed no dial begins. The contact is locked against another claimant.
_ROWS = (
    select(contacts.c.phone_number, batches.c.organization_id)
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .suffix_with(text("FOR SHARE OF batches FOR NO KEY UPDATE OF contacts"))
    .subquery("held")
)
# Outside the query of the rows, so that they come after these: a holder of the claims' lock may hold rows.
_LOCKS = select(claims_on(_ROWS.c.phone_number), claims_of(_ROWS.c.organization_id))

# The claim's instant moves on by the time it waited; the clock is the database's.
_WAITED = type_coerce(func.clock_timestamp() - func.transaction_timestamp(), Interval)
# Reading whether the number is busy spares most losers the write; the unique index decides.
_FACTS = (
    select(
        contacts.c.batch_id,
        contacts.c.campaign_id,
        contacts.c.phone_number,
        contacts.c.status.label("contact_status"),
        contacts.c.erased_at,
        contacts.c.last_attempted_at,
        batches.c.status.label("batch_status"),
        batches.c.organization_id,
        func.coalesce(batches.c.scheduled_end <= instant("claimed_at") + _WAITED, False).label("is_time_up"),
        campaigns.c.status.label("campaign_status"),
        campaigns.c.frequency_caps,
        campaigns.c.presets,
        campaigns.c.policy_version,
        batches.c.rules_version,
        is_suppressed(batches.c.organization_id, contacts.c.phone_number, instant("claimed_at")).label(
            "is_suppressed"
        ),
        exists().where(slots.c.contact_id == contacts.c.contact_id).label("has_slot"),
        is_on_the_phone(contacts.c.phone_number, calls.c.contact_id != contacts.c.contact_id).label(
            "number_is_busy"
        ),
        _WAITED.label("waited"),
    )
    .join_from(contacts, batches, contacts.c.batch_id == batches.c.batch_id)
    .join(campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(campaigns.c.deleted_at.is_(None), contacts.c.contact_id == bindparam("this_contact"))
)

_NEWEST_CALL = (
    select(calls)
    .where(calls.c.contact_id == bindparam("this_contact"))
    .order_by(calls.c.attempt.desc())
    .limit(1)
)

_DISPATCH = (
    update(contacts)
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .values(
        status=ContactStatus.DISPATCHED,
        retry_count=contacts.c.retry_count + bindparam("retries_dialled"),
        follow_up_count=contacts.c.follow_up_count + bindparam("follow_ups_dialled"),
        last_attempted_at=bindparam("claimed_at", type_=INSTANT),
        next_retry_at=None,
        follow_up_at=None,
        updated_at=bindparam("claimed_at", type_=INSTANT),
    )
    .cte("dispatch")
)
# The names differ from the columns', which an update beside an insert would take for its own.
_CALL = {
    column.name: bindparam(f"call_{column.name}", type_=column.type)
    for column in calls.c
    if column not in (calls.c.erased_at, calls.c.number_hash, calls.c.hash_until)
}
_INSERT_CALL = insert(calls).values(_CALL).add_cte(_DISPATCH)
_REWRITE_CALL = (
    update(calls).where(calls.c.execution_id == _CALL["execution_id"]).values(_CALL).add_cte(_DISPATCH)
)


async def claim(
    connection: AsyncConnection, request: AttemptClaim, now: datetime, mint: MintId
) -> ClaimAnswer:
    """Write or find the attempt's row; see `CallStore.claim_attempt`. Runs within a transaction.

    Fails with the violation of the index of open numbers when another claim took the number since.
    """
    await connection.execute(_LOCKS, {"this_contact": request.contact_id})
    found = await connection.execute(_FACTS, {"this_contact": request.contact_id, "claimed_at": now})
    facts = found.mappings().one_or_none()
    if facts is None:
        return Gate.BATCH_GONE
    newest = await _newest_call(connection, request, facts)
    known = newest if newest is not None and newest.attempt == request.attempt else None
    if known is not None and not _may_be_asked(known):
        return _asked_before(known)
    if request.policy_version not in (None, rules_version_of(facts)):
        return RulesChanged()
    if (gate := _closed_gate(facts, newest, request)) is not None:
        return gate
    if (capped := await _capped(connection, facts, now)) is not None:
        return capped
    if facts["number_is_busy"]:
        return Gate.NUMBER_BUSY
    if facts["waited"] > REQUEST_LASTS:
        return RulesChanged()
    ready = known or _new_record(facts, request, mint)
    shown = await caller_id_for(connection, request, facts, known)
    record = _dialling(ready, request, shown, now)
    write = _INSERT_CALL if known is None else _REWRITE_CALL
    await connection.execute(write, _call_values(record, facts) | _dispatch_values(facts, request, now))
    return Claimed(record=record, may_ask=True)


async def _newest_call(
    connection: AsyncConnection, request: AttemptClaim, facts: RowMapping
) -> CallRecord | None:
    """Read the newest call under the contact's lock, which every writer of a new call holds."""
    if facts["last_attempted_at"] is None:
        return None  # never claimed, so there is none
    found = await connection.execute(_NEWEST_CALL, {"this_contact": request.contact_id})
    row = found.mappings().one_or_none()
    return None if row is None else call_of(row)


def _may_be_asked(record: CallRecord) -> bool:
    """Tell whether certainly nobody dialled; a status heard of it says that somebody did."""
    return record.dial_state is DialState.READY and record.call_status is CallStatus.QUEUED


def _asked_before(known: CallRecord) -> ClaimAnswer:
    if known.call_status is CallStatus.CANCELLED:
        return Gate.CONTACT_CLOSED  # given up undialled: there is no call whose end could be settled
    return Claimed(record=known, may_ask=False)


def _closed_gate(facts: RowMapping, newest: CallRecord | None, request: AttemptClaim) -> Gate | None:
    if facts["erased_at"] is not None or (newest is not None and newest.attempt > request.attempt):
        return Gate.CONTACT_CLOSED
    gate = closed_gate(
        GateFacts(
            campaign_status=CampaignStatus(facts["campaign_status"]),
            batch_status=BatchStatus(facts["batch_status"]),
            contact_status=ContactStatus(facts["contact_status"]),
        )
    )
    if gate is not None:
        return gate
    if facts["is_time_up"]:
        return Gate.BATCH_OVER
    is_known = newest is not None and newest.attempt == request.attempt
    if facts["contact_status"] == ContactStatus.DISPATCHED and not is_known:
        return Gate.CONTACT_CLOSED
    if not facts["has_slot"]:
        return Gate.NO_SLOT
    return Gate.SUPPRESSED if facts["is_suppressed"] else None


async def _capped(connection: AsyncConnection, facts: RowMapping, now: datetime) -> Capped | None:
    """Count the calls to the number of every claim that passed before."""
    caps = caps_with_presets([frequency_cap_of(each) for each in facts["frequency_caps"]], facts["presets"])
    if not caps:
        return None
    organization_id, number = literal(facts["organization_id"]), literal(facts["phone_number"])
    free_at = select(*(cap_free_at(organization_id, number, cap, now) for cap in caps))
    row = (await connection.execute(free_at)).one()
    return capped_where(dict(zip(caps, row, strict=True)), now)


def _dialling(ready: CallRecord, request: AttemptClaim, shown: str, now: datetime) -> CallRecord:
    return replace(
        ready,
        dial_state=DialState.DIALLING,
        provider=request.provider,
        from_number=shown,
        started_at=now,
    )


def _new_record(facts: RowMapping, request: AttemptClaim, mint: MintId) -> CallRecord:
    return CallRecord(
        execution_id=ExecutionId(mint(EXECUTION_PREFIX)),
        contact_id=request.contact_id,
        batch_id=facts["batch_id"],
        campaign_id=facts["campaign_id"],
        attempt=request.attempt,
        kind=request.kind,
        to_number=facts["phone_number"],
    )


def _call_values(record: CallRecord, facts: RowMapping) -> Values:
    values = call_values(record) | {"policy_version": facts[campaigns.c.policy_version]}
    return {f"call_{name}": value for name, value in values.items()}


def _dispatch_values(facts: RowMapping, request: AttemptClaim, now: datetime) -> Values:
    # A contact that was not given back is asked for again within the same dial, which is counted already.
    is_counted = facts["contact_status"] in WAITING
    return {
        "this_contact": request.contact_id,
        "claimed_at": now,
        "retries_dialled": int(is_counted and request.kind is AttemptKind.RETRY),
        "follow_ups_dialled": int(is_counted and request.kind is AttemptKind.FOLLOW_UP),
    }
