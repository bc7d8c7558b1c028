"""Attempts, their calls, and the events received about them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import ReturningUpdate

from domain.call import PLACED_STATUSES, CallStatus, DialState, StatusEvent
from domain.errors import ConstraintViolated, ExecutionNotFound
from domain.gates import Gate
from domain.identity import ContactId, ExecutionId, MintId
from domain.ports import AttemptClaim, ClaimAnswer, DialBrief, RecordedEvent
from store.calls import claims, events
from store.calls.briefs import read_brief
from store.database.engine import single_statement, transaction
from store.numbers.on_the_phone import is_number_taken
from store.schema.tables import calls


class PostgresCallStore:
    """The calls of all campaigns; implements `CallStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def dial_brief(self, contact_id: ContactId, attempt: int) -> DialBrief | None:
        """Read what a dial needs, counters left at zero."""
        async with single_statement(self._engine) as connection:
            return await read_brief(connection, contact_id, attempt)

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        """Take the right to ask the provider, once, or learn which gate is closed.

        `contact_closed` as well when the contact is on another attempt, or has a newer one.
        """
        try:
            async with transaction(self._engine) as connection:
                return await claims.claim(connection, claim, now, self._mint)
        except ConstraintViolated as violated:
            if not is_number_taken(violated):
                raise
            return Gate.NUMBER_BUSY  # another claim on the number committed since ours looked

    async def record_dial(
        self,
        execution_id: ExecutionId,
        state: DialState,
        *,
        provider_call_id: str | None = None,
        awaited_by: str | None = None,
    ) -> CallStatus:
        """Keep what the provider said to a dial, unless more is known already; return where the call stands.

        An attempt that was given back and is accepted after all, while another one on its number is open,
        keeps the provider's id alone.
        Raises ExecutionNotFound.
        """
        told = {"this_execution": execution_id, "told_id": provider_call_id, "told_activity": awaited_by}
        try:
            return await self._update(_RECORD_DIAL[state], told)
        except ConstraintViolated as violated:
            if not is_number_taken(violated):
                raise
            return await self._update(_RECORD_CALL_ID, told)

    async def _update(self, statement: ReturningUpdate[str], told: Mapping[str, object]) -> CallStatus:
        async with single_statement(self._engine) as connection:
            call_status = await connection.scalar(statement, told)
        if call_status is None:
            raise ExecutionNotFound
        return CallStatus(call_status)

    async def record_event(
        self,
        execution_id: ExecutionId,
        event: StatusEvent,
        *,
        event_key: str,
        body: Mapping[str, object] | None,
    ) -> RecordedEvent:
        """Store an event once per `event_key` and apply it to the call record."""
        received = events.ReceivedEvent(
            execution_id=execution_id, event=event, event_key=event_key, body=body
        )
        async with transaction(self._engine) as connection:
            recorded = await events.record(connection, received)
        if recorded is not None:
            return recorded
        async with transaction(self._engine) as connection:
            return await events.record_correction(connection, received)

    async def keep_event(
        self,
        execution_id: ExecutionId,
        *,
        event_key: str,
        body: Mapping[str, object],
        received_at: datetime,
    ) -> None:
        """Store a report that says nothing of where the call stands, once per `event_key`."""
        async with transaction(self._engine) as connection:
            await events.keep(
                connection, execution_id, event_key=event_key, body=body, received_at=received_at
            )

    async def placed_among(self, execution_ids: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Return those attempts of which a call is known at the provider."""
        c = calls.c
        is_known = or_(c.provider_call_id.is_not(None), c.call_status.in_(PLACED_STATUSES))
        async with single_statement(self._engine) as connection:
            found = await connection.scalars(
                select(c.execution_id).where(c.execution_id.in_(execution_ids), is_known)
            )
            return frozenset(map(ExecutionId, found))

    async def execution_of_provider_call(self, provider_call_id: str) -> ExecutionId | None:
        """Return the newest attempt that owns a provider's call id."""
        c = calls.c
        async with single_statement(self._engine) as connection:
            found = await connection.execute(
                select(c.execution_id)
                .where(c.provider_call_id == provider_call_id)
                .order_by(c.execution_id.desc())
                .limit(1)
            )
            execution_id: str | None = found.scalar_one_or_none()
        return None if execution_id is None else ExecutionId(execution_id)


def _may_follow(state: DialState) -> ColumnElement[bool]:
    """Tell in SQL whether the attempt's dial may move to `state` from where it stands."""
    c = calls.c
    is_dialling = c.dial_state == DialState.DIALLING
    match state:
        case DialState.ACCEPTED:
            return true()
        case DialState.READY:
            # A status heard of the call says that somebody dialled, whatever the answer to the dial was.
            return and_(is_dialling, c.call_status == CallStatus.QUEUED)
        case DialState.REFUSED:
            return or_(is_dialling, c.dial_state == DialState.AMBIGUOUS)
        case DialState.AMBIGUOUS:
            return is_dialling
        case DialState.DIALLING:
            return false()  # only a claim gives the right to ask


_KNOWN_CALL_ID = func.coalesce(calls.c.provider_call_id, bindparam("told_id", type_=Text))
_KNOWN_ACTIVITY = func.coalesce(bindparam("told_activity", type_=Text), calls.c.awaited_by)
_KEEP_CALL_ID = (
    update(calls)
    .where(calls.c.execution_id == bindparam("this_execution"))
    .values(provider_call_id=_KNOWN_CALL_ID, awaited_by=_KNOWN_ACTIVITY)
)
_RECORD_CALL_ID = _KEEP_CALL_ID.returning(calls.c.call_status)
_RECORD_DIAL = {
    state: _KEEP_CALL_ID.values(
        dial_state=case((_may_follow(state), state.value), else_=calls.c.dial_state)
    ).returning(calls.c.call_status)
    for state in DialState
}
