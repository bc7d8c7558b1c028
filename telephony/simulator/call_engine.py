"""Places calls and plays them out."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import uuid4

from domain.call import CallStatus, has_ended
from telephony.clock import Clock
from telephony.simulator.call import CreateCallRequest, Moment, SimulatedCall, WebhookDelivery
from telephony.simulator.call_memory import CallMemory, ShortMemory
from telephony.simulator.faults import fault_of
from telephony.simulator.ledger import HELD, Ledger
from telephony.simulator.scenario import (
    ORDINARY,
    CreateManner,
    Scenario,
    WebhookManner,
    scenario_of,
    steps_to,
)
from telephony.simulator.settings import SimulatorOptions
from telephony.simulator.webhook_sender import WebhookSender


class CreateAnswer(IntEnum):
    """The HTTP codes a create call may be answered with."""

    ACCEPTED = 201
    KNOWN = 409
    THROTTLED = 429
    BROKEN = 500


class CallEngine:
    """The telephone engine behind every contract the simulator speaks."""

    def __init__(
        self, settings: SimulatorOptions, *, clock: Clock, ledger: Ledger, sender: WebhookSender
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._postman = sender
        self.calls = CallMemory(settings.memory_limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttled = ShortMemory(settings.memory_limit)
        self._called = ShortMemory(settings.memory_limit)

    def take(self, order: CreateCallRequest, *, dedupe: bool) -> tuple[CreateAnswer, SimulatedCall | None]:
        """Answer a create call; with `ACCEPTED` comes the call that was placed."""
        answer = self._answer_to(order, dedupe=dedupe)
        if answer is not CreateAnswer.ACCEPTED:
            self._ledger.note_request(order, answer.value, self._clock())
            return answer, None
        scenario = self._scenario_for(order)
        shown = HELD if scenario.create is CreateManner.HELD else answer.value
        self._ledger.note_request(order, shown, self._clock())
        return answer, self._place(order, scenario)

    def hang_up(self, call: SimulatedCall) -> bool:
        """End a call; False when it is over already."""
        if has_ended(call.status):
            return False
        if call.playing is not None:
            call.playing.cancel()
        if call.answered_at is None:
            self._reach(call, CallStatus.NO_ANSWER, 487)
        else:
            call.hangup_by = "assistant"
            self._reach(call, CallStatus.COMPLETED, 200)
        return True

    async def aclose(self) -> None:
        """End every call without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _answer_to(self, order: CreateCallRequest, *, dedupe: bool) -> CreateAnswer:
        execution_id = order.execution_id
        if dedupe and execution_id is not None and self.calls.of_execution(execution_id):
            return CreateAnswer.KNOWN
        match scenario_of(order.to_number).create:
            case CreateManner.BROKEN:
                return CreateAnswer.BROKEN
            case CreateManner.THROTTLED_FIRST if self._throttled.note(execution_id or order.callee) == 1:
                return CreateAnswer.THROTTLED
        return CreateAnswer.ACCEPTED

    def _scenario_for(self, order: CreateCallRequest) -> Scenario:
        scenario = scenario_of(order.to_number)
        if scenario.first_call_only and self._called.note(order.callee) > 1:
            scenario = ORDINARY
        if scenario is ORDINARY:
            return replace(ORDINARY, webhooks=fault_of(order.to_number, self._settings))
        return scenario

    def _place(self, order: CreateCallRequest, scenario: Scenario) -> SimulatedCall:
        call = SimulatedCall(call_sid=str(uuid4()), order=order, scenario=scenario, created_at=self._clock())
        self.calls.keep(call)
        self._ledger.note_placed(call)
        call.playing = self._run(self._play(call))
        return call

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _play(self, call: SimulatedCall) -> None:
        order = call.order
        steps = steps_to(
            call.scenario.ending, self._settings, ring_limit=order.ring_limit, talk_limit=order.talk_limit
        )
        for step in steps:
            if step.seconds > 0:
                await asyncio.sleep(step.seconds)
            if step.status is CallStatus.COMPLETED:
                call.hangup_by = "callee"
                call.follow_up_at = self._follow_up_at(call.scenario)
            self._reach(call, step.status, step.sip_status)
        call.playing = None

    def _follow_up_at(self, scenario: Scenario) -> datetime | None:
        if not scenario.asks_follow_up:
            return None
        return self._clock() + timedelta(seconds=self._settings.follow_up_seconds)

    def _reach(self, call: SimulatedCall, status: CallStatus, sip_status: int) -> None:
        moment = call.reach(status, sip_status, self._clock())
        if has_ended(status) and call.scenario.webhooks is WebhookManner.FINAL_LATE:
            self._run(self._write_late(call, moment))
        else:
            for each in _announced(call, moment):
                self._write(call, each)
        if has_ended(status):
            self._ledger.note_ended(call)
            del call.moments[:-1]

    async def _write_late(self, call: SimulatedCall, moment: Moment) -> None:
        await asyncio.sleep(self._settings.late_seconds)
        self._write(call, moment)

    def _write(self, call: SimulatedCall, moment: Moment) -> None:
        hook = call.order.status_hook
        body = call.order.form(call, moment) if hook is not None else None
        if hook is None or body is None:
            return
        delivery = WebhookDelivery(hook, json.dumps(body, separators=(",", ":")).encode())
        for _ in range(_copies(call, moment)):
            self._postman.send(call.outbox, delivery)


def _announced(call: SimulatedCall, moment: Moment) -> Iterable[Moment]:
    """Return the moments to write of now."""
    is_final = has_ended(moment.status)
    match call.scenario.webhooks:
        case WebhookManner.FINAL_LOST if is_final:
            return ()
        case WebhookManner.BACKWARDS:
            return reversed(call.moments) if is_final else ()
    return (moment,)


def _copies(call: SimulatedCall, moment: Moment) -> int:
    match call.scenario.webhooks:
        case WebhookManner.TRIPLED:
            return 3
        case WebhookManner.FINAL_DOUBLED if has_ended(moment.status):
            return 2
    return 1
