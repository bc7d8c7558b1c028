"""Places calls and plays them out."""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import uuid4

from domain.call import CallStatus, has_ended
from telephony.clock import Clock
from telephony.simulator.application import Applications
from telephony.simulator.call import CreateCallRequest, Hook, Moment, SimulatedCall, WebhookDelivery
from telephony.simulator.call_memory import CallMemory, ShortMemory
from telephony.simulator.conversation import converse
from telephony.simulator.ledger import HELD, Ledger
from telephony.simulator.scenario import (
    AFTERWARDS_SECONDS,
    ORDINARY,
    CreateBehaviour,
    Scenario,
    Told,
    WebhookBehaviour,
    When,
    fault_of,
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


_TOLD_WITH = {CallStatus.RINGING: When.RINGING, CallStatus.IN_PROGRESS: When.ANSWER}


class CallEngine:
    """The telephone engine behind every contract the simulator speaks."""

    def __init__(
        self, settings: SimulatorOptions, *, clock: Clock, ledger: Ledger, sender: WebhookSender
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._sender = sender
        self._applications = Applications(sender.headers, settings.concurrent_webhooks)
        self.calls = CallMemory(settings.memory_limit)
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttled = ShortMemory(settings.memory_limit)
        self._called = ShortMemory(settings.memory_limit)
        self._denied = ShortMemory(settings.memory_limit)
        """Executions that were looked up in vain."""

    def take(self, request: CreateCallRequest, *, dedupe: bool) -> tuple[CreateAnswer, SimulatedCall | None]:
        """Answer a create call; with `ACCEPTED` comes the call that was placed."""
        answer = self._answer_to(request, dedupe=dedupe)
        if answer is not CreateAnswer.ACCEPTED:
            self._ledger.note_request(request, answer.value, self._clock())
            return answer, None
        scenario = self._scenario_for(request)
        shown = HELD if scenario.create is CreateBehaviour.HELD else answer.value
        self._ledger.note_request(request, shown, self._clock())
        return answer, self._place(request, scenario)

    def look_up(self, execution_id: str) -> Sequence[SimulatedCall]:
        """Return the calls of an execution, oldest first; one without any is never dialled any more."""
        calls = self.calls.of_execution(execution_id)
        if not calls:
            self._denied.note(execution_id)
        return calls

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
        """Cancel every call without a webhook."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._applications.aclose()

    def _answer_to(self, request: CreateCallRequest, *, dedupe: bool) -> CreateAnswer:
        execution_id = request.execution_id
        if dedupe and execution_id is not None and self._is_settled(execution_id):
            return CreateAnswer.KNOWN
        match scenario_of(request.to_number).create:
            case CreateBehaviour.BROKEN:
                return CreateAnswer.BROKEN
            case CreateBehaviour.THROTTLED_FIRST if self._throttled.note(execution_id or request.callee) == 1:
                return CreateAnswer.THROTTLED
        return CreateAnswer.ACCEPTED

    def _is_settled(self, execution_id: str) -> bool:
        # A create call that was long under way comes after somebody was told that there is none.
        return bool(self.calls.of_execution(execution_id)) or execution_id in self._denied

    def _scenario_for(self, request: CreateCallRequest) -> Scenario:
        scenario = scenario_of(request.to_number)
        if scenario.first_call_only and self._called.note(request.callee) > 1:
            scenario = ORDINARY
        if scenario is ORDINARY:
            return replace(ORDINARY, webhooks=fault_of(request.to_number, self._settings))
        return scenario

    def _place(self, request: CreateCallRequest, scenario: Scenario) -> SimulatedCall:
        call = SimulatedCall(
            call_sid=str(uuid4()), request=request, scenario=scenario, created_at=self._clock()
        )
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
        request = call.request
        steps = steps_to(
            call.scenario.ending, self._settings, ring_limit=request.ring_limit, talk_limit=request.talk_limit
        )
        for step in steps:
            if step.seconds > 0:
                await asyncio.sleep(step.seconds)
            if step.status is CallStatus.COMPLETED:
                call.hangup_by = "callee"
                call.follow_up_at = self._follow_up_at(call.scenario)
            self._reach(call, step.status, step.sip_status)
            if step.status is CallStatus.IN_PROGRESS and request.call_hook is not None:
                self._run(self._talk(call, request.call_hook))
        call.playing = None

    async def _talk(self, call: SimulatedCall, hook: Hook) -> None:
        """Have the call's application talk; it hangs up when there is nothing left to say."""
        async with self._applications.of_call(call.call_sid, hook) as application:
            if application is not None:
                await converse(call, application, self._settings.says)
        self.hang_up(call)

    def _follow_up_at(self, scenario: Scenario) -> datetime | None:
        if not scenario.asks_follow_up:
            return None
        return self._clock() + timedelta(seconds=self._settings.follow_up_seconds)

    def _reach(self, call: SimulatedCall, status: CallStatus, sip_status: int) -> None:
        if status is CallStatus.COMPLETED:
            self._tell(call, When.ENDING)
        self._note(call, status)
        moment = call.reach(status, sip_status, self._clock())
        if has_ended(status) and call.scenario.webhooks is WebhookBehaviour.FINAL_LATE:
            self._run(self._send_late(call, moment))
        else:
            for each in _announced(call, moment):
                self._send(call, each)
        if status in _TOLD_WITH:
            self._tell(call, _TOLD_WITH[status])
        if has_ended(status):
            self._ledger.note_ended(call)
            del call.moments[:-1]
            self._tell_afterwards(call)

    def _tell_afterwards(self, call: SimulatedCall) -> None:
        async def wait_and_tell() -> None:
            await asyncio.sleep(AFTERWARDS_SECONDS)
            self._tell(call, When.AFTERWARDS)

        if call.answered_at is not None and _told_at(call, When.AFTERWARDS):
            self._run(wait_and_tell())

    def _tell(self, call: SimulatedCall, when: When) -> None:
        """Post what is reported then besides the status of the call."""
        for told in _told_at(call, when):
            self._note_one(call, told)
            delivery = call.request.tell(call, told)
            if delivery is not None:
                self._post(call, *delivery)

    def _note(self, call: SimulatedCall, status: CallStatus) -> None:
        """Keep what the webhook of a ringing phone tells besides."""
        if status is CallStatus.RINGING:
            for told in _told_at(call, When.RINGING):
                self._note_one(call, told)

    def _note_one(self, call: SimulatedCall, told: Told) -> None:
        call.answered_by = told.answered_by or call.answered_by
        call.disposition = told.disposition or call.disposition
        if told.asks_follow_up:
            call.follow_up_at = self._clock() + timedelta(seconds=self._settings.follow_up_seconds)

    def _post(self, call: SimulatedCall, hook: Hook, body: Mapping[str, object]) -> None:
        delivery = WebhookDelivery(hook, json.dumps(body, separators=(",", ":")).encode())
        self._sender.send(call.outbox, delivery)

    async def _send_late(self, call: SimulatedCall, moment: Moment) -> None:
        await asyncio.sleep(self._settings.late_seconds)
        self._send(call, moment)

    def _send(self, call: SimulatedCall, moment: Moment) -> None:
        hook = call.request.status_hook
        body = call.request.form(call, moment) if hook is not None else None
        if hook is None or body is None:
            return
        delivery = WebhookDelivery(hook, json.dumps(body, separators=(",", ":")).encode())
        for _ in range(_copies(call, moment)):
            self._sender.send(call.outbox, delivery)


def _told_at(call: SimulatedCall, when: When) -> Sequence[Told]:
    return [each for each in call.scenario.told if each.when is when]


def _announced(call: SimulatedCall, moment: Moment) -> Iterable[Moment]:
    """Return the moments that get a webhook now."""
    is_final = has_ended(moment.status)
    match call.scenario.webhooks:
        case WebhookBehaviour.FINAL_LOST if is_final:
            return ()
        case WebhookBehaviour.BACKWARDS:
            return reversed(call.moments) if is_final else ()
    return (moment,)


def _copies(call: SimulatedCall, moment: Moment) -> int:
    match call.scenario.webhooks:
        case WebhookBehaviour.TRIPLED:
            return 3
        case WebhookBehaviour.FINAL_DOUBLED if has_ended(moment.status):
            return 2
    return 1
