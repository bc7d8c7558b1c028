"""Activities that speak to the telephony provider."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter

from temporalio import activity

from activities.campaign_rate import CampaignRateLimiter
from activities.dial_gates import capped, closed_gate_of, withheld
from activities.failures import CallGoesOn, translating_failures
from activities.hang_ups import is_machine_to_be_hung_up_on
from activities.messages import CheckCall, CheckedCall, DialAnswer, PlaceCall, PlacedCall
from activities.provider_circuit import CircuitPermit, ProviderCircuit
from domain.batch import call_variables_in_force, caller_ids_in_force, on_machine_in_force
from domain.call import CallRecord, CallStatus, DialState, EventSource, StatusEvent, has_ended
from domain.dial_reservations import is_usable
from domain.disposition import OnMachine
from domain.errors import ProviderUnavailable
from domain.frequency import Capped
from domain.gates import Gate
from domain.identity import ContactId
from domain.ports import (
    AttemptClaim,
    CallMetrics,
    CallStore,
    DialBrief,
    RulesChanged,
    TelephonyProvider,
)
from domain.telephony import (
    Accepted,
    Ambiguous,
    CallRequest,
    CallSearch,
    DialResult,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from domain.watchdog import (
    CallTiming,
    CallWatch,
    must_end_by,
    next_poll,
    quiet_after_unknown,
    watched_until,
)

ASK_AGAIN_AFTER_OUTAGE = timedelta(seconds=5)
"""Between two tries to reach a provider that certainly did not dial."""
READ_LASTS = timedelta(milliseconds=250)
"""A dial that waited longer since it read the gates reads them again."""
ASK_AGAIN_WITHOUT_TURN = timedelta(seconds=1)
"""Before a dial that lost its reservation while it waited asks for another."""
ASK_AGAIN_WHEN_RULES_CHANGED = timedelta(milliseconds=100)
"""Before the new rules are read: hours, numbers and all."""
NEVER_FOUND = "No call was placed: the provider has no record of one"
NEVER_CLEAR = "The call may have been placed; nobody can say how it ended"


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """How long a phone may ring, a call may last, and a call may be silent."""

    ring_timeout: timedelta
    max_call: timedelta
    silence: timedelta

    @property
    def quiet_after_unknown(self) -> timedelta:
        """How long a call nobody can account for may still ring or talk."""
        return quiet_after_unknown(self.ring_timeout, self.max_call)


class CallActivities:
    """Dial through the provider, and ask it about calls that went silent."""

    def __init__(  # noqa: PLR0913 - one parameter per part
        self,
        provider: TelephonyProvider,
        calls: CallStore,
        *,
        circuit: ProviderCircuit,
        rate_limiter: CampaignRateLimiter,
        metrics: CallMetrics,
        limits: CallLimits,
        clock: Callable[[], datetime],
        leaves_open: bool = True,
    ) -> None:
        """`leaves_open` is false for a server that cannot complete an activity which waits for its call."""
        self._leaves_open = leaves_open
        self._provider = provider
        self._calls = calls
        self._circuit = circuit
        self._rate_limiter = rate_limiter
        self._metrics = metrics
        self._limits = limits
        self._clock = clock

    @activity.defn
    @translating_failures
    async def place_call(self, request: PlaceCall) -> PlacedCall:
        """Wait for circuit and rate limits, check every gate, store the attempt, and ask at most once.

        May be run again at any point: an attempt somebody asked for before is never asked for again.
        With `until_ended` a call that was placed leaves the activity open. It is run again whenever the
        provider is to be asked where the call stands; who hears of the ending before completes it.
        """
        if request.until_ended and activity.info().attempt > 1:
            known = await self._calls.dial_brief(ContactId(request.contact_id), request.attempt)
            if known is not None and known.record is not None and known.record.awaited_by == _activity():
                return await self._follow(known, known.record)
        async with self._circuit.permit() as permit:
            brief = await self._read_gates(request)
            if isinstance(brief, PlacedCall):
                return brief
            ready = await self._wait_for_rate(brief, request, permit)
            if isinstance(ready, PlacedCall):
                return ready
            return await self._dial(ready, request, permit)

    async def _read_gates(self, request: PlaceCall) -> DialBrief | PlacedCall:
        """Read what the dial needs, or answer where a gate is closed or somebody asked before."""
        brief = await self._calls.dial_brief(ContactId(request.contact_id), request.attempt)
        now = self._clock()
        if brief is None:
            return withheld(None, Gate.BATCH_GONE, now)
        if (gate := closed_gate_of(brief, now)) is not None:
            return withheld(brief, gate, now)
        if brief.record is not None and brief.record.dial_state is not DialState.READY:
            return self._asked_before(brief.record)
        return brief

    async def _wait_for_rate(
        self, brief: DialBrief, request: PlaceCall, permit: CircuitPermit
    ) -> DialBrief | PlacedCall:
        """Wait for the campaign's rate limit and the provider's; return what holds after the wait.

        A dial that has to wait long is sent away before it spends any of the provider's rate.
        """
        began_at, reservation = self._clock(), request.turn
        if not permit.stay_away:
            reservation = await self._rate_limiter.reserve(brief.campaign, reservation)
        stay_away = (
            permit.stay_away or self._rate_limiter.absence(reservation) or await self._provider.acquire()
        )
        if stay_away:
            reservation = self._rate_limiter.renew(brief.campaign, reservation, stay_away)
            return PlacedCall(
                answer=DialAnswer.ASK_AGAIN, asked_at=began_at, ask_again_in=stay_away, turn=reservation
            )
        await self._rate_limiter.wait(reservation)
        if self._clock() - began_at <= READ_LASTS:
            return brief
        # What holds now is what counts.
        again = await self._read_gates(request)
        if isinstance(again, PlacedCall) or is_usable(reservation, again.campaign.dial_rate, self._clock()):
            return again
        return PlacedCall(
            answer=DialAnswer.ASK_AGAIN, asked_at=self._clock(), ask_again_in=ASK_AGAIN_WITHOUT_TURN
        )

    async def _dial(self, brief: DialBrief, request: PlaceCall, permit: CircuitPermit) -> PlacedCall:
        now = self._clock()
        if (gate := closed_gate_of(brief, now)) is not None:
            return withheld(brief, gate, now)  # a window may have closed since it was read
        claimed = await self._calls.claim_attempt(self._claim(brief, request), now)
        if isinstance(claimed, Gate):
            return withheld(brief, claimed, now)
        if isinstance(claimed, Capped):
            return capped(brief, request.kind, claimed, now)
        if isinstance(claimed, RulesChanged):
            return PlacedCall(
                answer=DialAnswer.ASK_AGAIN, asked_at=now, ask_again_in=ASK_AGAIN_WHEN_RULES_CHANGED
            )
        if not claimed.may_ask:
            return self._asked_before(claimed.record)
        asked_at = perf_counter()
        answer = await self._provider.place_call(self._call_request(brief, claimed.record))
        self._metrics.dial_answered(answer, perf_counter() - asked_at)
        answer = self._circuit.record(permit, claimed.record.execution_id, answer)
        lasts = self._leaves_open and request.until_ended and not _hangs_up_on_machines(brief)
        return await self._keep(claimed.record, answer, lasts=lasts)

    async def _follow(self, brief: DialBrief, record: CallRecord) -> PlacedCall:
        """Poll the provider where that is due, and end with the call. Raises CallGoesOn before."""
        now, timing, asked_at = self._clock(), self._timing(), self._asked_at(record)
        watch = CallWatch(asked_at=asked_at, heard_at=asked_at, answered_at=record.answered_at)
        watch, due = watched_until(now, watch, timing)
        if due is not None:
            with suppress(ProviderUnavailable):  # it is asked again at the next poll
                must_end = now >= must_end_by(watch, timing)
                checked = await self._check(record, conclude=due.conclude, must_end=must_end)
                record = replace(record, call_status=checked.call_status)
        placed = self._placed(record, DialAnswer.PLACED)
        if has_ended(record.call_status) or is_machine_to_be_hung_up_on(brief, record):
            return placed
        raise CallGoesOn(placed, next_poll(watch, timing).at - now)

    @activity.defn
    @translating_failures
    async def check_call(self, request: CheckCall) -> CheckedCall:
        """Ask the provider about a silent call, and end the attempt when nobody knows and it must end."""
        brief = await self._calls.dial_brief(ContactId(request.contact_id), request.attempt)
        if brief is None or brief.record is None:
            return CheckedCall(call_status=CallStatus.CANCELLED, is_known=False)
        return await self._check(brief.record, conclude=request.conclude, must_end=request.must_end)

    async def _check(self, record: CallRecord, *, conclude: bool, must_end: bool) -> CheckedCall:
        if has_ended(record.call_status):
            return CheckedCall(call_status=record.call_status, is_known=True)
        try:
            event = await self._look_up(record)
        except ProviderUnavailable:
            if not must_end:
                raise
            return await self._conclude(record, proven=False)
        if event is not None:
            key = f"poll:{event.status}"
            record = (
                await self._calls.record_event(record.execution_id, event, event_key=key, body=None)
            ).record
        if must_end and not has_ended(record.call_status):
            return await self._conclude(record, proven=False)
        if event is None and conclude:
            never_heard = record.call_status is CallStatus.QUEUED and record.provider_call_id is None
            return await self._conclude(record, proven=never_heard and self._provider.lookup_is_proof)
        return CheckedCall(call_status=record.call_status, is_known=event is not None)

    def _claim(self, brief: DialBrief, request: PlaceCall) -> AttemptClaim:
        return AttemptClaim(
            contact_id=brief.contact.contact_id,
            attempt=request.attempt,
            kind=request.kind,
            caller_ids=caller_ids_in_force(brief.batch.overrides, brief.campaign.rules),
            draw=random.random(),  # noqa: S311 - spreads load, keeps no secret
            provider=self._provider.name,
            policy_version=brief.policy_version,
        )

    def _call_request(self, brief: DialBrief, record: CallRecord) -> CallRequest:
        rules = brief.campaign.rules
        return CallRequest(
            execution_id=record.execution_id,
            organization_id=brief.campaign.organization_id,
            campaign_id=record.campaign_id,
            batch_id=record.batch_id,
            contact_id=record.contact_id,
            agent_id=rules.agent_id,
            from_number=record.from_number or "",
            to_number=record.to_number,
            ring_timeout=self._limits.ring_timeout,
            max_duration=self._limits.max_call,
            variables=call_variables_in_force(rules, brief.contact.call_variables),
            context=brief.batch.call_context,
            on_machine=on_machine_in_force(brief.batch.overrides, rules),
        )

    async def _keep(self, record: CallRecord, result: DialResult, *, lasts: bool) -> PlacedCall:
        match result:
            case Accepted(provider_call_id):
                stands = await self._calls.record_dial(
                    record.execution_id,
                    DialState.ACCEPTED,
                    provider_call_id=provider_call_id,
                    awaited_by=_activity() if lasts else None,
                )
                placed = self._placed(replace(record, call_status=stands), DialAnswer.PLACED)
                if lasts and not has_ended(stands):
                    raise CallGoesOn(placed, self._limits.silence)
                return placed
            case Ambiguous():
                await self._calls.record_dial(record.execution_id, DialState.AMBIGUOUS)
                return self._placed(record, DialAnswer.AMBIGUOUS)
            case Refused(reason):
                # The ending first: a rerun that finds a refused dial has no reason left to end it with.
                ended = await self._end(record, CallStatus.FAILED, error=f"Refused by the provider: {reason}")
                await self._calls.record_dial(record.execution_id, DialState.REFUSED)
                return self._placed(ended, DialAnswer.PLACED)
            case _:
                return await self._give_back(record, result)

    async def _give_back(
        self, record: CallRecord, undialled: Throttled | Unavailable | Misconfigured
    ) -> PlacedCall:
        await self._calls.record_dial(record.execution_id, DialState.READY)
        pause = undialled.retry_after if isinstance(undialled, Throttled) else ASK_AGAIN_AFTER_OUTAGE
        return PlacedCall(answer=DialAnswer.ASK_AGAIN, asked_at=self._asked_at(record), ask_again_in=pause)

    def _asked_before(self, record: CallRecord) -> PlacedCall:
        known = record.dial_state is not DialState.DIALLING or record.provider_call_id is not None
        heard = known or record.call_status is not CallStatus.QUEUED
        ambiguous = record.dial_state is DialState.AMBIGUOUS or not heard
        return self._placed(record, DialAnswer.AMBIGUOUS if ambiguous else DialAnswer.PLACED)

    def _placed(self, record: CallRecord, answer: DialAnswer) -> PlacedCall:
        return PlacedCall(
            answer=answer,
            asked_at=self._asked_at(record),
            call_status=record.call_status,
            timing=self._timing(),
        )

    def _timing(self) -> CallTiming:
        return CallTiming(
            ring_limit=self._limits.ring_timeout,
            max_call=self._limits.max_call,
            silence=self._limits.silence,
            lookup_is_proof=self._provider.lookup_is_proof,
        )

    def _asked_at(self, record: CallRecord) -> datetime:
        return record.started_at or self._clock()

    async def _look_up(self, record: CallRecord) -> StatusEvent | None:
        if record.provider_call_id is not None:
            return await self._provider.get_call(record.provider_call_id)
        search = CallSearch(
            execution_id=record.execution_id,
            from_number=record.from_number or "",
            to_number=record.to_number,
            asked_at=self._asked_at(record),
        )
        found = await self._provider.find_calls(search)
        mine = [each for each in found if not await self._is_anothers(each, record)]
        # None of several calls is surely ours; adopting the wrong one would hide a live call.
        return mine[0] if len(mine) == 1 else None

    async def _is_anothers(self, found: StatusEvent, record: CallRecord) -> bool:
        """Tell whether another attempt owns a call that was found."""
        if found.provider_call_id is None:
            return False
        owner = await self._calls.execution_of_provider_call(found.provider_call_id)
        return owner is not None and owner != record.execution_id

    async def _conclude(self, record: CallRecord, *, proven: bool) -> CheckedCall:
        status = CallStatus.FAILED if proven else CallStatus.UNKNOWN
        ended = await self._end(record, status, error=NEVER_FOUND if proven else NEVER_CLEAR)
        return CheckedCall(call_status=ended.call_status, is_known=True)

    async def _end(self, record: CallRecord, status: CallStatus, *, error: str) -> CallRecord:
        event = StatusEvent(status=status, happened_at=self._clock(), source=EventSource.DIAL, error=error)
        stored = await self._calls.record_event(
            record.execution_id, event, event_key=f"dial:{status}", body=None
        )
        return stored.record

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return self.place_call, self.check_call


def _activity() -> str:
    """Return what completes the activity that runs, as `CallRecord.awaited_by` keeps it."""
    info = activity.info()
    return f"{info.workflow_run_id}/{info.activity_id}"


def _hangs_up_on_machines(brief: DialBrief) -> bool:
    return on_machine_in_force(brief.batch.overrides, brief.campaign.rules) is OnMachine.HANG_UP
